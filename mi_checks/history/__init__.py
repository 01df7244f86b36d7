"""Runs kept in a database, and questions about how a check or a head fared over them. No torch.

SQLite, because it is one file and no server, is in the standard library, and is whole after a kill: what was not
committed is rolled back from its journal by whoever opens it next. Several processes may write, one after another.
DuckDB sums over columns faster, but is another dependency and lets one process at a time open the file for writing, and
what is asked here is a few thousand rows of one index.
"""
