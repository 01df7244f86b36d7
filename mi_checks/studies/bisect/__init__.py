"""Bisection: between which two neighbouring checkpoints the outcome of a check changes.

The entry point is `bisection.CheckBisection(…).run()`.
"""
