"""Studies that use a suite to answer a question: discovery, calibration, emergence, mining, matrix, bisection."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "bisect.bisect_output",
    "bisect.bisection",
    "calibration.calibrated_claims",
    "calibration.calibration_output",
    "calibration.run_calibration",
    "discovery.discovery",
    "discovery.discovery_options",
    "discovery.draft_yaml",
    "emergence.checkpoint_series",
    "emergence.emergence_formats",
    "emergence.emergence_measurement",
    "matrix.matrix_output",
    "matrix.survey",
    "mining.corpus",
    "mining.eligible_tokens",
    "mining.mining_output",
    "mining.trigrams",
]
