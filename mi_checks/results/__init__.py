"""The run as plain data: written, read, merged, put into a frame. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "as_data",
    "build",
    "causes",
    "claim",
    "evidence",
    "from_data",
    "journal",
    "merge",
    "older_claims",
    "read_run",
    "rerun",
    "run",
    "write_run",
]
