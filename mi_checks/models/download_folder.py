"""The folder for downloaded files."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return the folder `MI_CHECKS_CACHE`, or the platform's cache folder if it is not set; it may not exist yet."""
    chosen = os.environ.get("MI_CHECKS_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("mi-checks", appauthor=False)
