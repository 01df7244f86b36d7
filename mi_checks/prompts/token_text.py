"""The text of single tokens: what each one reads as, and which characters of a text it covers."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

_BYTE_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")


class TokenPieces:
    """The texts of a tokenizer's tokens, for display.

    Attributes:
        added: the ids of the tokens that were added to the vocabulary, including special tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Find out how the tokenizer writes a space."""
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}  # cached, because hundreds of checks share most tokens
        self.added = frozenset(tokenizer.get_added_tokens_decoder())
        self._byte_level = is_byte_level(tokenizer)

    def __getitem__(self, token: int) -> str:
        """Return the text of a token; bytes that are not a whole UTF-8 character appear as `<0xE6>`."""
        if token not in self._known:
            self._known[token] = self._text(token)
        return self._known[token]

    def _text(self, token: int) -> str:
        text = self._tokenizer.id_to_token(token)
        if text is None:  # embeddings are often padded beyond the vocabulary
            return f"<token {token}>"
        if token in self.added:
            return str(text)
        if self._byte_level and all(character in _BYTES for character in text):
            raw_bytes = bytes(_BYTES[character] for character in text)
            return "".join(
                f"<0x{ord(c) - 0xDC00:02X}>" if 0xDC80 <= ord(c) <= 0xDCFF else c
                for c in raw_bytes.decode("utf-8", "surrogateescape")
            )
        return _BYTE_FALLBACK.sub(_ascii_byte, text).replace("▁", " ")


def is_byte_level(tokenizer: Tokenizer) -> bool:
    """Return whether tokens are spelled with byte-level BPE's printable substitutes for bytes."""
    # The substitutes for space and newline are in every complete byte-level alphabet and in no other.
    if tokenizer.token_to_id("Ġ") is not None and tokenizer.token_to_id("Ċ") is not None:
        return True
    return any("ByteLevel" in json.dumps(json_settings(part)) for part in (tokenizer.pre_tokenizer, tokenizer.decoder))


def json_settings(part: Any) -> Any:
    """Return the settings of a part of a tokenizer, such as its post-processor, or None if there is no such part."""
    return None if part is None else json.loads(part.__getstate__())


def _ascii_byte(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code < 0x80 else match[0]


def _byte_alphabet() -> dict[str, int]:
    """Return the byte that each printable substitute of byte-level BPE stands for (GPT-2's table)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTES = _byte_alphabet()


CharacterSpan = tuple[int, int]


def token_spans(
    text: str, offsets: Sequence[CharacterSpan], own_spaces: Sequence[bool] | None = None
) -> tuple[CharacterSpan, ...]:
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
    spans: list[CharacterSpan] = []
    reached = 0
    for place, (start, end) in enumerate(offsets):
        if own_spaces is not None and own_spaces[place] and not _holds_space(text[start:end]):
            end = reached + text[reached : reached + 1].isspace()  # covers the author's space, if there is one
            spans.append((reached, end))
            reached = end
            continue
        if start > reached:
            joined = _end_of_joined_characters(text, spans[-1] if spans else (0, 0), reached, start)
            _lengthen(spans, joined)
            while start > joined and text[start - 1].isspace():
                start -= 1
        spans.append((start, end))
        reached = max(reached, end)
    if spans:
        _lengthen(spans, _end_of_joined_characters(text, spans[-1], reached, len(text)))
    return tuple(spans)


def _lengthen(spans: list[CharacterSpan], end: int) -> None:
    """Extend the last token, and others with the same characters, to cover the characters up to `end` as well."""
    if not spans or end <= spans[-1][1]:
        return
    last = spans[-1]
    for place in range(len(spans) - 1, -1, -1):
        if spans[place] != last:
            break
        spans[place] = (last[0], end)


def _holds_space(characters: str) -> bool:
    return any(character.isspace() or character == "▁" for character in characters)


def _end_of_joined_characters(text: str, before: CharacterSpan, reached: int, end: int) -> int:
    """Return the end of the characters between `reached` and `end` that belong to the token before them."""
    if before[0] == before[1]:
        return reached
    place = reached
    while place < end and not text[place].isspace() and _joins_token_before(text[before[0] : place], text[place]):
        place += 1
    return place


def _joins_token_before(before: str, character: str) -> bool:
    if unicodedata.category(character).startswith("M"):
        return True
    return len(unicodedata.normalize("NFC", before + character)) <= len(unicodedata.normalize("NFC", before))
