"""The HTML report: a `Run` becomes one HTML file that can be mailed, printed and read without a network."""

# The modules that other packages may import; the rest is this package's own.
__all__ = [
    "axis",
    "comparison.comparison_json",
    "comparison.comparison_page",
    "comparison.comparison_text",
    "comparison.series_page",
    "html",
    "report_folder",
    "report_place",
]
