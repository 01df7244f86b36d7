"""The cache: measurements, prompts and guard results of earlier runs, stored so that they are not computed again."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "cache_keys",
    "cache_store",
    "cached_engine",
    "cached_prompts_and_guards",
]
