"""Formatting shared by all output: numbers, tables, sparklines and progress. Nothing here imports torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "claim_text",
    "failure_lines",
    "guard_sentences",
    "json_text",
    "markdown",
    "numbers",
    "progress",
    "readable",
    "tables",
    "verdict_table",
]
