"""Untrusted text made safe to display: names, nodes, tokens and messages may contain any character."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from mi_checks.prompts.visible import visible

MAX_CHIP_CHARS = 40  # displayed characters of a token; the length of a longer one is given in its title
MAX_TITLE_CHARS = 200
MAX_CODE_SPAN_CHARS = 200


class EscapedText(str):
    """Text that is escaped already, so that `escaped` returns it unchanged."""


@dataclass(frozen=True)
class TokenChip:
    """A token as it is displayed: every character visible, and a long one truncated, with its length in the title."""

    text: EscapedText
    title: EscapedText


def escaped(text: str) -> str:
    """Return a text with control and direction characters and lone surrogates escaped; spaces and newlines are kept."""
    if isinstance(text, EscapedText) or (text.isascii() and text.isprintable()):
        return text
    return re.sub(r"[^ \n\t]+", lambda run: visible(run[0]), text.replace("\r\n", "\n"))


@lru_cache(maxsize=4096)  # the same tokens occur in hundreds of prompts
def token_chip(text: str) -> TokenChip:
    """Return a token as it is displayed."""
    if len(text) <= MAX_CHIP_CHARS:
        return TokenChip(EscapedText(visible(text)), EscapedText(""))
    title = f"{visible(text[:MAX_TITLE_CHARS])}{'…' if len(text) > MAX_TITLE_CHARS else ''} ({len(text):,} characters)"
    return TokenChip(EscapedText(visible(text[:MAX_CHIP_CHARS]) + "…"), EscapedText(title))


def web_address(source: str) -> str | None:
    """Return the source if it is an http(s) address that is safe in a link, otherwise None."""
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    plain = source.isascii() and source.isprintable() and " " not in source
    return source if plain and parts.scheme in ("http", "https") and parts.netloc else None


def code_span(text: str) -> str:
    """Return a code span that is closed correctly and in which nothing is Markdown, HTML or a link.

    Line breaks become spaces, as they would in the rendered page; invisible characters are escaped; long text is
    truncated.
    """
    shown = " ".join(escaped(text).split())
    if len(shown) > MAX_CODE_SPAN_CHARS:
        shown = f"{shown[:MAX_CODE_SPAN_CHARS]}…"
    if not shown:
        return "—"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    apart = " " if shown.startswith("`") or shown.endswith("`") else ""  # Markdown drops one space at each end
    return f"{fence}{apart}{shown}{apart}{fence}"
