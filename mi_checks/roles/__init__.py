"""Roles of components: their scores on probe prompts, the nodes bound by score, and the lock file of the bindings."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "role_binding",
    "role_lock",
    "role_scores",
]
