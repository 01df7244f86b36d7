"""A tokenizer as prompts need it: ids with character spans, readable pieces, and the words that are single tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Encoding, Tokenizer

from mi_checks.errors import MiChecksError

_WORD = re.compile(r" [A-Za-z]{2,}")
_BYTE_FALLBACK = re.compile(r"<0x([0-9A-F]{2})>")

Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Tokenization:
    """A tokenizer and the token that begins every prompt.

    Attributes:
        tokenizer: truncation and padding are never applied, whatever it is set to: a prompt is measured whole.
        bos: the beginning-of-sequence token's id, or None where the model was trained without one.
    """

    tokenizer: Tokenizer
    bos: int | None

    def __post_init__(self) -> None:
        if self.tokenizer.truncation is not None or self.tokenizer.padding is not None:
            own = Tokenizer.from_str(self.tokenizer.to_str())  # the caller's may be in use with those settings
            own.no_truncation()
            own.no_padding()
            object.__setattr__(self, "tokenizer", own)

    def encode(self, text: str) -> tuple[tuple[int, ...], tuple[Span, ...]]:
        """Token ids of `text` and, for each, the (start, end) of its characters; no beginning-of-sequence token.

        The spans leave no character out; tokens that are parts of one multi-byte character share its span.
        A special token written out in the text, such as `<|endoftext|>`, is read as that token.

        Raises:
            MiChecksError: the text holds a lone surrogate, which no tokenizer can read.
        """
        encoding = self._encode(text)
        spans: list[Span] = []
        reached = 0
        for start, end in encoding.offsets:
            # Some tokenizers trim the space off their offsets; it belongs to the token all the same.
            spans.append((min(start, reached), max(start, end)))
            reached = max(reached, end)
        return tuple(encoding.ids), tuple(spans)

    def ids(self, text: str) -> tuple[int, ...]:
        """As `encode`, without the spans."""
        return tuple(self._encode(text).ids)

    def _encode(self, text: str) -> Encoding:
        try:
            return self.tokenizer.encode(text, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError) as error:
            raise MiChecksError(f"the tokenizer cannot read {text!r}: {error}") from None

    def piece(self, token_id: int) -> str:
        """The text of a token, for showing; bytes that are no whole UTF-8 character appear as `<0xE6>`."""
        if token_id not in self._known:
            self._known[token_id] = self._piece(token_id)
        return self._known[token_id]

    def _piece(self, token_id: int) -> str:
        token = self.tokenizer.id_to_token(token_id)
        if token is None:  # embeddings are often padded beyond the vocabulary
            return f"<token {token_id}>"
        if token_id in self._added:
            return token
        if self._byte_level and all(character in _BYTES for character in token):
            raw = bytes(_BYTES[character] for character in token)
            return "".join(
                f"<0x{ord(c) - 0xDC00:02X}>" if 0xDC80 <= ord(c) <= 0xDCFF else c
                for c in raw.decode("utf-8", "surrogateescape")
            )
        return _BYTE_FALLBACK.sub(_ascii_byte, token).replace("▁", " ")

    def pieces(self, text: str) -> tuple[str, ...]:
        """The pieces that `text` is split into."""
        return tuple(map(self.piece, self.ids(text)))

    def word_tokens(self) -> tuple[tuple[int, str], ...]:
        """(id, text) of each token that is a space and two or more ASCII letters, and that its text encodes to."""
        return self._word_tokens

    @cached_property
    def _word_tokens(self) -> tuple[tuple[int, str], ...]:
        pieces = ((token, self.piece(token)) for token in range(self.tokenizer.get_vocab_size()))
        return tuple(
            (token, piece) for token, piece in pieces if _WORD.fullmatch(piece) and self.ids(piece) == (token,)
        )

    @cached_property
    def _known(self) -> dict[int, str]:  # tens of prompts for each of hundreds of checks have the same tokens
        return {}

    @cached_property
    def _added(self) -> frozenset[int]:
        return frozenset(self.tokenizer.get_added_tokens_decoder())

    @cached_property
    def _byte_level(self) -> bool:
        # The stand-ins for space and newline are in every byte-level alphabet and in no other.
        return self.tokenizer.token_to_id("Ġ") is not None and self.tokenizer.token_to_id("Ċ") is not None


def _ascii_byte(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return chr(code) if code < 0x80 else match[0]


def _byte_alphabet() -> dict[str, int]:
    """Byte-level BPE's printable stand-in for each byte (GPT-2's table) → the byte."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}


_BYTES = _byte_alphabet()
