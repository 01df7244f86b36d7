"""Behaviours × models, measured on demand: where spec, prompts, engine, checks and results meet."""
