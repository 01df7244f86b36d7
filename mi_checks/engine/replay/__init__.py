"""The replay engine: it recomputes only what an intervention can change."""
