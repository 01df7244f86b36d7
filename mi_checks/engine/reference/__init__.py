"""The reference engine: one hooked forward pass of the bridge per intervention, slow and simple, used as an oracle."""
