"""Formatting shared by all output: numbers, tables, sparklines and progress. Nothing here imports torch."""
