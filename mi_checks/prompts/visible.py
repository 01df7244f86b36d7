"""Text made safe and unambiguous for a terminal: spaces and newlines are visible, and no character is hidden."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_HIDDEN = ("C", "Z")  # Unicode categories: controls, formats (RTL marks), surrogates, private use; separators
_MARKS = {" ": "·", "\n": "⏎", "\t": "\\t", "\r": "\\r"}


def visible(text: str) -> str:
    """Return `text` with `·` for spaces, `⏎` for newlines, and an escape for every other invisible character."""
    if text.isascii() and text.isprintable():  # the common case; a report shows some hundred thousand tokens
        return text.replace(" ", _MARKS[" "])
    return "".join(_MARKS.get(character) or _escaped(character) for character in text)


def visible_tokens(pieces: Sequence[str]) -> str:
    """Return the texts of tokens, separated by spaces; the tokens' own spaces are visible, so nothing is ambiguous."""
    return " ".join(visible(piece) for piece in pieces)


def _escaped(character: str) -> str:
    if not unicodedata.category(character).startswith(_HIDDEN):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
