"""The comparison of two or more runs: as an HTML page, for a terminal, and as JSON."""
