"""Runs as files: written, read, put into a frame, compared. Plain data in and out; no torch."""
