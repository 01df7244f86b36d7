"""Which characters of a text each token holds, from the offsets that its tokenizer gives."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Span = tuple[int, int]


def spans(text: str, offsets: Sequence[Span], pieces: Sequence[str]) -> tuple[Span, ...]:
    """Return for each token the (start, end) of its characters in `text`.

    Offsets leave out what the tokenizer does not keep. White space before a token belongs to that token, as ` word`
    does to its space. A combining mark, or a letter that normalization joins to the one before, belongs to the token
    before. Everything else that the tokenizer drops belongs to no token. A space that the tokenizer wrote of its own
    holds no character.

    Args:
        text: what was tokenized.
        offsets: of each token, as the tokenizer gives them.
        pieces: the text of each token.
    """
    found: list[Span] = []
    reached = 0
    for (start, end), piece in zip(offsets, pieces, strict=True):
        if piece and not piece.strip(" ") and not _holds_space(text[start:end]):
            end = reached + text[reached : reached + 1].isspace()  # where the author wrote one, it is that
            found.append((reached, end))
            reached = end
            continue
        if start > reached:
            joined = _joined(text, found[-1] if found else (0, 0), reached, start)
            if joined > reached:
                found[-1] = (found[-1][0], joined)
            while start > joined and text[start - 1].isspace():
                start -= 1
        found.append((start, end))
        reached = max(reached, end)
    if found:
        found[-1] = (found[-1][0], _joined(text, found[-1], reached, len(text)))
    return tuple(found)


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
