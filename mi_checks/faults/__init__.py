"""Unexpected exceptions: their messages of one line, and the evidence that is left out because of them."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "omissions",
    "project_code",
    "unexpected",
]
