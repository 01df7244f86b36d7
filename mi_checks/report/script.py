"""The pages' one script, and the hash by which their policy lets it run, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from markupsafe import Markup


@dataclass(frozen=True)
class Script:
    """The text, as it stands between the tags, and its source expression for `script-src`."""

    text: Markup
    source: str


@cache
def script() -> Script:
    """All `.js` files beside the templates, in the order of their names."""
    folder = resources.files("mi_checks.report") / "templates"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError("the report's script holds what would end it or change its hash")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704 — our own files
