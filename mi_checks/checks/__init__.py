"""The checks, which turn measurements into verdicts; a file for each substantial kind. See `dispatch`."""

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
