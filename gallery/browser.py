"""The browser that renders pages, for their screenshots and for the tests of them."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
REMEDY = "apt-get install chromium"


def executable() -> str | None:
    """Return the path of the system's Chromium, or None if there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)
