"""Emergence: the training checkpoints between which effects and roles appear, as text, Markdown, JSON and HTML."""
