"""Where the history is, if nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

USUAL = Path("reports/history.sqlite3")
