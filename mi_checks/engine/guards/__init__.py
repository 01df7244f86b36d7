"""Guards: tests, when a model is loaded, that TransformerLens' bridge computes, reads and edits the same values."""
