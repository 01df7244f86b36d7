"""Estimates, intervals, tests and corrections over prompts, with fixed seeds and independent of models."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "bootstrap",
    "estimate",
    "floor",
    "intervals",
    "judgement",
    "p_values",
]
