"""Models: from a name to a `LoadedModel`, which is a loaded model with its tokenizer and provenance."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "downloads",
    "load_model",
    "loaded_model",
    "loaders.loader_common",
    "loaders.native",
    "model_checkpoints",
    "model_files",
    "model_names",
    "model_tokenizer",
    "models_of_behaviour",
    "sources.hub_model",
    "sources.model_source",
    "sources.packaged_model",
    "stand_in_models",
]
