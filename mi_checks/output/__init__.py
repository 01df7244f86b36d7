"""Text that all outputs share: claims, failures, numbers, tables and progress. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "claim_text",
    "declared_text",
    "failure_lines",
    "guard_sentences",
    "inconclusive_text",
    "json_text",
    "multiplicity_text",
    "numbers",
    "progress",
    "safe_text",
    "tables",
    "unit_text",
]
