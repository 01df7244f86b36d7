"""The replay engine: only what an intervention can change is computed again."""
