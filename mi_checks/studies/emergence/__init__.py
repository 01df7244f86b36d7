"""Emergence: the training checkpoints between which effects and roles appear, as text, Markdown, JSON and HTML.

The entry points are `emergence_measurement.measure_emergence(behaviours, series)` and `emergence_formats.formatted(…)`.
"""
