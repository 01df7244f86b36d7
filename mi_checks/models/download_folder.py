"""Where what is fetched is kept."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """`MI_CHECKS_CACHE` where it is set, else the platform's folder for caches. It may not exist yet."""
    chosen = os.environ.get("MI_CHECKS_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("mi-checks", appauthor=False)
