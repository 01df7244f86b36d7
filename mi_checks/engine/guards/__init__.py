"""Guards: tests at load time of whether TransformerLens' bridge computes, reads and edits what the model does."""
