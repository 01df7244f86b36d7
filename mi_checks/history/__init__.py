"""A database of runs, and queries about a check or a head over time. No torch.

The database is SQLite, because it is a single file without a server, is in the standard library, and survives a kill:
the next process that opens it rolls back whatever was not committed. Several processes may write, one after another.
DuckDB sums over columns faster, but is another dependency and lets only one process open the file for writing, and the
queries here read a few thousand rows of one index.
"""

from pathlib import Path

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "check_over_time",
    "database",
    "head_over_time",
    "history_json",
    "history_text",
    "model_run",
    "run_rows",
    "run_store",
]

DEFAULT_HISTORY = Path("reports/history.sqlite3")
