"""Behaviours × models, measured on demand: where spec, prompts, engine, checks and results meet."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "against_mutants",
    "conftests",
    "loaded_models",
    "reference_suite",
    "selection",
    "suite",
    "threads",
]
