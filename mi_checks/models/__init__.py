"""Models: from a name to a `LoadedModel`, which is a loaded model with its tokenizer and provenance."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "base_name",
    "download_folder",
    "fetch",
    "guards",
    "in_files",
    "load_model",
    "loaded_model",
    "loaders.loaded",
    "loaders.native",
    "names",
    "series",
    "sources.hub",
    "sources.packaged",
    "sources.source",
    "stand_in",
    "steps",
    "tokenizer",
    "weights",
]
