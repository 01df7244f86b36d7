"""Calibration by simulation: the false-positive rate of each kind of check, and the coverage of the intervals.

The entry point is `run_calibration.calibrate()`.
"""
