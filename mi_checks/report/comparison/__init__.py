"""Two runs or more, compared: as a page, for a terminal, as JSON."""
