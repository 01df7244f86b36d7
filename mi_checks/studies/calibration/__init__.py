"""Calibration: how often every kind of check, and every test and interval, errs where the truth is known.

The entry point is `run_calibration.calibrate()`; `simulation` has the samples that need no checks.
"""
