"""Measurements → the evidence that a report shows."""
