"""Simulated samples whose true means are known: how often tests and intervals err, how often they are refused.

Each module has the situations of one or two tables; the entry point is `all_tables.measure_tables()`.
"""
