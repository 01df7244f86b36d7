"""Text made safe and unambiguous for a terminal: a token's spaces and newlines can be seen, nothing else can hide."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_HIDDEN = ("C", "Z")  # Unicode categories: controls, formats (RTL marks), surrogates, private use; separators
_MARKS = {" ": "·", "\n": "⏎", "\t": "\\t", "\r": "\\r"}


def visible(text: str) -> str:
    """`text` with `·` for a space, `⏎` for a newline, and an escape for every other character that does not show."""
    if text.isascii() and text.isprintable():  # nearly always, and a report shows some hundred thousand tokens
        return text.replace(" ", _MARKS[" "])
    return "".join(_MARKS.get(character) or _shown(character) for character in text)


def visible_tokens(pieces: Sequence[str]) -> str:
    """Token texts, a space between each two: none of them shows a space of its own, so the split is plain to see."""
    return " ".join(visible(piece) for piece in pieces)


def _shown(character: str) -> str:
    if not unicodedata.category(character).startswith(_HIDDEN):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
