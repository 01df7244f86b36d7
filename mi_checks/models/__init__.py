"""Model name → `Subject`: a loaded model with its tokenizer and where it came from."""
