"""Effects → which models are neighbours, and where they differ. Plain data in and out; no torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "base_message",
    "base_model",
    "conditions",
    "drift_message",
    "effect_matrix",
    "paired",
    "recorded",
    "run_mediators",
    "run_settings",
    "runs",
    "with_baseline",
]
