"""Estimates, intervals, tests and corrections over prompts. Seeded; nothing here knows about models."""
