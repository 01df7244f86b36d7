"""The HTML report: a `Run` becomes one HTML file that can be mailed, printed and read without a network."""
