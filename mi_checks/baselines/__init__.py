"""Baselines: recorded measurements of a behaviour on a model, stored beside its file. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "baseline_file",
]
