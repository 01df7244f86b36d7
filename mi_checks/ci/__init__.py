"""The display of a run on a CI server: a paragraph of Markdown, and annotations at the lines that failed. No torch."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "annotations",
    "ci_summary",
    "failures",
]
