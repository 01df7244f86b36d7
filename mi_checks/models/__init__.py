"""Models: from a name to a `Subject`, which is a loaded model with its tokenizer and provenance."""
