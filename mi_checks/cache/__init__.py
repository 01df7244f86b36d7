"""The cache: measurements, prompts and guards of earlier runs, stored so that they need not be computed again."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "drawn_prompts",
    "kept_guards",
    "key",
    "recalling",
    "store",
]
