"""The cache: what earlier runs have measured and found, stored so that it is not computed again."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "cache_keys",
    "cache_store",
    "cached_engine",
    "cached_prompts_and_guards",
    "code_digest",
    "finished_results",
]
