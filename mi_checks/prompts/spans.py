"""Which characters of a text each token holds, from the offsets that its tokenizer gives."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Span = tuple[int, int]


def spans(text: str, offsets: Sequence[Span], own_spaces: Sequence[bool] | None = None) -> tuple[Span, ...]:
    """Return for each token the (start, end) of its characters in `text`.

    Offsets leave out what the tokenizer does not keep. White space before a token belongs to that token, as ` word`
    does to its space. A combining mark, or a letter that normalization joins to the one before, belongs to the token
    before. Everything else that the tokenizer drops belongs to no token. A space that the tokenizer wrote of its own
    holds no character.

    Args:
        text: what was tokenized.
        offsets: of each token, as the tokenizer gives them.
        own_spaces: of each token, whether it is nothing but a space that the tokenizer may have written of its own;
            None for a tokenizer that writes none.
    """
    found: list[Span] = []
    reached = 0
    for place, (start, end) in enumerate(offsets):
        if own_spaces is not None and own_spaces[place] and not _holds_space(text[start:end]):
            end = reached + text[reached : reached + 1].isspace()  # where the author wrote one, it is that
            found.append((reached, end))
            reached = end
            continue
        if start > reached:
            joined = _joined(text, found[-1] if found else (0, 0), reached, start)
            _lengthen(found, joined)
            while start > joined and text[start - 1].isspace():
                start -= 1
        found.append((start, end))
        reached = max(reached, end)
    if found:
        _lengthen(found, _joined(text, found[-1], reached, len(text)))
    return tuple(found)


def _lengthen(found: list[Span], end: int) -> None:
    """Let the last token, and those that are parts of the same characters, hold those up to `end` as well."""
    if not found or end <= found[-1][1]:
        return
    last = found[-1]
    for place in range(len(found) - 1, -1, -1):
        if found[place] != last:
            break
        found[place] = (last[0], end)


def _holds_space(characters: str) -> bool:
    return any(character.isspace() or character == "▁" for character in characters)


def _joined(text: str, before: Span, reached: int, end: int) -> int:
    """Return where the characters end, of those from `reached` to `end`, that belong to the token before them."""
    if before[0] == before[1]:
        return reached
    place = reached
    while place < end and not text[place].isspace() and _joins(text[before[0] : place], text[place]):
        place += 1
    return place


def _joins(before: str, character: str) -> bool:
    if unicodedata.category(character).startswith("M"):
        return True
    return len(unicodedata.normalize("NFC", before + character)) <= len(unicodedata.normalize("NFC", before))
