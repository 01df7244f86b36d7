"""The default path of the history."""

from __future__ import annotations

from pathlib import Path

USUAL = Path("reports/history.sqlite3")
