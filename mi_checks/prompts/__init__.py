"""The stage that turns a behaviour's `Prompts` and a tokenizer into a `PromptBatch`."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "batch",
    "build_prompts",
    "factors",
    "project_additions",
    "rejection",
    "tokenization",
    "visible",
]
