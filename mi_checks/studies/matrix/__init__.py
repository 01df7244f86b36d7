"""The effect of every behaviour on every model, without interventions, as text, Markdown and JSON.

The entry points are `survey.survey(behaviours, models)` and the functions of `matrix_output`.
"""
