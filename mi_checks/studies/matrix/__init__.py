"""A `Matrix` of effects as text for a terminal, as Markdown and as JSON."""
