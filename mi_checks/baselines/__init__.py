"""What was measured once, kept beside the behaviours, and a later run compared with it. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "baseline_file",
]
