"""Mutation testing of checks: models in which a claim is false, on which its check must therefore fail."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "choose_mutations",
    "judge_mutants",
]
