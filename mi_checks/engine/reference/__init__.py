"""The reference engine: one hooked forward of the bridge per intervention. Slow, plain, the oracle."""
