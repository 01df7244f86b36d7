"""A `Matrix` of effects → text for a terminal, Markdown, JSON."""
