"""The checks, which turn measurements into verdicts; a file for each substantial kind. See `dispatch`."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "circuit_scores",
    "curve",
    "dispatch",
    "effect",
    "hypothesis",
    "logit_diff",
    "measurements",
    "patching",
    "path",
    "role",
    "strongest_neurons",
    "verdict",
]
