"""Untrusted text made safe to display: invisible and direction-changing characters are shown as escapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from mi_checks.prompts.visible import visible

MAX_CHIP_CHARS = 40  # displayed characters of a token; the length of a longer one is given in its title
MAX_TITLE_CHARS = 200


class Shown(str):
    """Text that was made visible already, so that `readable` returns it unchanged."""


@dataclass(frozen=True)
class Chip:
    """A token as it is displayed: every character visible, and a long one truncated, with its length in the title."""

    text: Shown
    title: Shown


def readable(text: str) -> str:
    """Escape control and direction characters and lone surrogates; keep spaces, tabs and newlines."""
    if isinstance(text, Shown) or (text.isascii() and text.isprintable()):
        return text
    return re.sub(r"[^ \n\t]+", lambda run: visible(run[0]), text.replace("\r\n", "\n"))


@lru_cache(maxsize=4096)  # the same tokens occur in hundreds of prompts
def chip(text: str) -> Chip:
    """Return a token as it is displayed."""
    if len(text) <= MAX_CHIP_CHARS:
        return Chip(Shown(visible(text)), Shown(""))
    title = f"{visible(text[:MAX_TITLE_CHARS])}{'…' if len(text) > MAX_TITLE_CHARS else ''} ({len(text):,} characters)"
    return Chip(Shown(visible(text[:MAX_CHIP_CHARS]) + "…"), Shown(title))


def web_address(source: str) -> str | None:
    """Return the source if it is an http(s) address that is safe in a link, otherwise None."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    plain = source.isascii() and source.isprintable() and " " not in source
    return source if plain and parts.scheme in ("http", "https") and parts.netloc else None
