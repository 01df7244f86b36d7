"""Measurements → verdicts, one file per kind of check."""
