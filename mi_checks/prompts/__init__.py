"""`Prompts` of a behaviour + a tokenizer → `PromptBatch`."""
