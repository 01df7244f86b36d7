"""Text for showing: whatever a string holds, the page shows it and nothing happens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from mi_checks.prompts.visible import visible

CHIP = 40  # characters of a token that are shown; the rest is counted
TITLE = 200


class Shown(str):
    """Text that has been made visible already, so that `readable` leaves it alone."""


@dataclass(frozen=True)
class Chip:
    """A token as drawn: every character visible, long ones cut with the length told in the title."""

    text: Shown
    title: Shown


def readable(text: str) -> str:
    """Spaces, tabs and newlines stay as they are; control and direction characters and lone surrogates are escaped."""
    if isinstance(text, Shown) or (text.isascii() and text.isprintable()):
        return text
    return re.sub(r"[^ \n\t]+", lambda run: visible(run[0]), text.replace("\r\n", "\n"))


@lru_cache(maxsize=4096)  # the same tokens stand in hundreds of prompts
def chip(text: str) -> Chip:
    """A token for showing."""
    if len(text) <= CHIP:
        return Chip(Shown(visible(text)), Shown(""))
    title = f"{visible(text[:TITLE])}{'…' if len(text) > TITLE else ''} ({len(text):,} characters)"
    return Chip(Shown(visible(text[:CHIP]) + "…"), Shown(title))


def web_address(source: str) -> str | None:
    """The source, if it is an http(s) address and may stand in a link."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    plain = source.isascii() and source.isprintable() and " " not in source
    return source if plain and parts.scheme in ("http", "https") and parts.netloc else None
