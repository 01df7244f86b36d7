"""Runs as pytest would leave them."""

from tests.results.conftest import path, run

__all__ = ["path", "run"]
