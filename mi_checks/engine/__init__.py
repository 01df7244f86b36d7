"""The engines: interventions on a `Subject` over a `PromptBatch` → effects per prompt."""
