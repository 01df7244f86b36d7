"""The run as plain data: to and from JSON, merged, and as a data frame. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "build",
    "causes",
    "claim",
    "evidence",
    "multiplicity",
    "older_runs",
    "pytest_ids",
    "read_run",
    "run",
    "write_run",
]
