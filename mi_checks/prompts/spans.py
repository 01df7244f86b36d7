"""The characters of a text that each token covers, from the offsets that its tokenizer gives."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

Span = tuple[int, int]


def spans(text: str, offsets: Sequence[Span], own_spaces: Sequence[bool] | None = None) -> tuple[Span, ...]:
    """Return the (start, end) of each token's characters in `text`.

    The tokenizer's offsets omit the characters that it drops. White space before a token belongs to that token, as the
    space does in ` word`. A combining mark, or a letter that normalization joins to the one before, belongs to the
    token before. All other characters that the tokenizer drops belong to no token. A space that the tokenizer inserted
    covers no character.

    Args:
        text: the text that was tokenized.
        offsets: the offsets of each token, as the tokenizer gives them.
        own_spaces: whether each token is only a space that the tokenizer may have inserted; None for a tokenizer that
            inserts no spaces.
    """
    token_spans: list[Span] = []
    reached = 0
    for place, (start, end) in enumerate(offsets):
        if own_spaces is not None and own_spaces[place] and not _holds_space(text[start:end]):
            end = reached + text[reached : reached + 1].isspace()  # covers the author's space, if there is one
            token_spans.append((reached, end))
            reached = end
            continue
        if start > reached:
            joined = _joined(text, token_spans[-1] if token_spans else (0, 0), reached, start)
            _lengthen(token_spans, joined)
            while start > joined and text[start - 1].isspace():
                start -= 1
        token_spans.append((start, end))
        reached = max(reached, end)
    if token_spans:
        _lengthen(token_spans, _joined(text, token_spans[-1], reached, len(text)))
    return tuple(token_spans)


def _lengthen(token_spans: list[Span], end: int) -> None:
    """Extend the last token, and others with the same characters, to cover the characters up to `end` as well."""
    if not token_spans or end <= token_spans[-1][1]:
        return
    last = token_spans[-1]
    for place in range(len(token_spans) - 1, -1, -1):
        if token_spans[place] != last:
            break
        token_spans[place] = (last[0], end)


def _holds_space(characters: str) -> bool:
    return any(character.isspace() or character == "▁" for character in characters)


def _joined(text: str, before: Span, reached: int, end: int) -> int:
    """Return the end of the characters between `reached` and `end` that belong to the token before them."""
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
