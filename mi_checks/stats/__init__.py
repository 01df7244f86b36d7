"""Estimates, intervals, tests and corrections over prompts: exact, without random numbers, independent of models."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "absolute_means",
    "estimate",
    "floor",
    "interval_cache",
    "interval_ends",
    "intervals",
    "judgement",
    "mean_tests",
    "p_values",
    "refusals",
    "sampling",
]
