"""Interventions on a `Subject` over a `PromptBatch` → per-prompt effects."""
