"""Measurements → verdicts, one file per kind of check."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "ablation",
    "absent",
    "circuits",
    "curve",
    "dispatch",
    "effect",
    "hypothesis",
    "measurements",
    "path",
    "role",
    "strongest_neurons",
    "verdict",
]
