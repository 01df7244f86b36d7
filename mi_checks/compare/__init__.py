"""Two measurements on the same prompts → what changed. Plain data in and out; no torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "baseline_drift",
    "baseline_record",
    "mediator_sets",
    "neighbouring_models",
    "reference_model",
    "run_comparison",
    "run_pairs",
]
