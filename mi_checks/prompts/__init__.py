"""The stage that turns a behaviour's `Prompts` and a tokenizer into a `PromptBatch`."""
