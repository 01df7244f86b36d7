"""The HTML report: a `Run` becomes one HTML file that can be mailed, printed and read without a network."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "axis",
    "comparison_page",
    "comparison_text",
    "renderer",
    "report_destination",
    "report_folder",
    "series_page",
]
