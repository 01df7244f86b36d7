"""A tokenizer as prompts need it: ids with character spans, readable pieces, and the words that are single tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Encoding, Tokenizer

from mi_checks.errors import MiChecksError
from mi_checks.prompts.pieces import Pieces, settings
from mi_checks.prompts.spans import Span, spans

_WORD = re.compile(r" [A-Za-z]{2,}")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_PROBES = ("a", "e", "0", "A", ".", "и", "的")  # texts of one character, one of which every vocabulary knows
# What a text is put after, to see its tokens where other text comes before it: nothing that it grows together with.
_BEFORE_SPACE = ("a", ".", "0", "\n")
_BEFORE_LETTERS = ("(", "\n", ".", '"', "0")
_BEFORE_OTHERS = ("a", "\n", "(", ".", "0")
_CHUNK = 8192  # texts tokenized at once


@dataclass(frozen=True, eq=False)
class Tokenization:
    """A tokenizer, the token that begins every prompt, and how many tokens the model embeds.

    Some tokenizers (Llama 2's, T5's) write a space before every text. Here that is the space that a text begins with,
    where it begins with one: ` word` and `word` at the start of a prompt are the same token, and none is doubled.

    Attributes:
        tokenizer: truncation and padding are never applied, whatever it is set to: a prompt is measured whole.
        bos: the beginning-of-sequence token's id, or None where the model was trained without one.
        rows: how many tokens the model embeds, where the tokenizer has more; no prompt can use those. Otherwise None.
    """

    tokenizer: Tokenizer
    bos: int | None
    rows: int | None = None

    def __post_init__(self) -> None:
        cut = self.tokenizer.truncation is not None or self.tokenizer.padding is not None
        trims = '"trim_offsets": true' in json.dumps(settings(self.tokenizer.post_processor))
        if cut or trims:
            own = Tokenizer.from_str(self.tokenizer.to_str())  # the caller's may be in use with those settings
            own.no_truncation()
            own.no_padding()
            if trims:  # it takes spaces off the offsets, and of a token of spaces leaves nothing; BOS is added here
                own.post_processor = None
            object.__setattr__(self, "tokenizer", own)

    def encode(self, text: str) -> tuple[tuple[int, ...], tuple[Span, ...]]:
        """Return the token ids of a text that begins a prompt and, for each, the (start, end) of its characters.

        No beginning-of-sequence token is among them. Tokens that are parts of one multi-byte character share its span.
        White space that the tokenizer does not keep belongs to the token after it; what else it drops, to none. A
        special token written out in the text, such as `<|endoftext|>`, is read as that token.

        Raises:
            MiChecksError: the text holds a lone surrogate, which no tokenizer can read.
        """
        encoding, shift = self._encode(text)
        offsets = [(start + shift, end + shift) for start, end in encoding.offsets] if shift else encoding.offsets
        own_spaces = [self.piece(token) == " " for token in encoding.ids] if self.writes_space else None
        return tuple(encoding.ids), spans(text, offsets, own_spaces)

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text that begins a prompt: as `encode`, without the spans."""
        return tuple(self._encode(text)[0].ids)

    def ids_after(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text where other text comes before it, such as a space or an opening bracket.

        That is where a template puts most values. It differs from the start of a prompt only for tokenizers that write
        or drop a space there. A text that grows together with whatever comes before it has the tokens of the start.
        """
        if not self._begins_otherwise:
            return self.ids(text)
        for context in _contexts(text):
            before, whole = self.ids(context), self.ids(context + text)
            if before and whole[: len(before)] == before:
                return whole[len(before) :]
        return self.ids(text)

    def _encode(self, text: str) -> tuple[Encoding, int]:
        """Return the encoding of a text, and how many characters of it the tokenizer writes of its own."""
        own = int(self._doubles_space and text.startswith(" ") and len(text) > 1)
        return self._raw(text[own:]), own

    def _raw(self, text: str) -> Encoding:
        try:
            return self.tokenizer.encode(text, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError) as error:
            raise MiChecksError(f"the tokenizer cannot read {text!r}: {error}") from None

    @cached_property
    def writes_space(self) -> bool:
        """Whether the tokenizer writes a space before every text."""
        return any(ids and self.piece(ids[0]).startswith(" ") for ids in (self._raw(probe).ids for probe in _PROBES))

    @cached_property
    def _begins_otherwise(self) -> bool:
        """Whether a word may have other tokens at the start of a text: a space is written or dropped there."""
        alike = (self._raw(probe).ids == self._raw(" " + probe).ids for probe in _PROBES)
        return self.writes_space or any(alike)

    @cached_property
    def _doubles_space(self) -> bool:
        """Whether it does so even where the text begins with a space."""
        return self.writes_space and any(self._raw(probe).ids != self._raw(" " + probe).ids for probe in _PROBES)

    def piece(self, token_id: int) -> str:
        """Return the text of a token, for showing; bytes that are no whole UTF-8 character appear as `<0xE6>`."""
        return self._pieces[token_id]

    def pieces(self, text: str) -> tuple[str, ...]:
        """Return the pieces that a text is split into where other text comes before it."""
        return tuple(map(self.piece, self.ids_after(text)))

    @cached_property
    def unknown(self) -> int | None:
        """The token that stands for every text that the vocabulary has none for, or None where there is no such."""
        model = self.tokenizer.model
        if hasattr(model, "unk_token"):
            return None if model.unk_token is None else self.tokenizer.token_to_id(model.unk_token)
        found = re.search(rb'"unk_id":(\d+)', model.__getstate__())
        return int(found[1]) if found else None

    def lacks(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Return those of the tokens that the model does not embed: they lie beyond its embedding's last row."""
        return () if self.rows is None else tuple(token for token in tokens if token >= self.rows)

    @cached_property
    def ordinary(self) -> tuple[int, ...]:
        """The ids, ascending, of the tokens that can be drawn at random: none that was added, has no row or no text."""
        known = self.tokenizer.get_vocab(with_added_tokens=False).values()
        return tuple(
            sorted(
                token for token in known if token not in self._pieces.added and (self.rows is None or token < self.rows)
            )
        )

    def word_tokens(self) -> tuple[tuple[int, str], ...]:
        """Return (id, text) of each token that a space and two or more ASCII letters are, in the middle of a text."""
        return self._word_tokens

    @cached_property
    def _word_tokens(self) -> tuple[tuple[int, str], ...]:
        pieces = [(token, self.piece(token)) for token in self.ordinary]
        words = [(token, piece) for token, piece in pieces if _WORD.fullmatch(piece)]
        if not words:  # a vocabulary of words without their spaces, such as WordPiece's
            words = [(token, " " + piece) for token, piece in pieces if _LETTERS.fullmatch(piece)]
        return tuple(
            (token, text)
            for (token, text), ids in zip(words, self._all_after([text for _, text in words]), strict=True)
            if ids == (token,)
        )

    def _all_after(self, texts: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Yield what `ids_after` gives for texts that begin with a space, many at once."""
        context = _BEFORE_SPACE[0] if self._begins_otherwise else ""
        before = self.ids(context)
        for start in range(0, len(texts), _CHUNK):
            chunk = texts[start : start + _CHUNK]
            whole = self.tokenizer.encode_batch([context + text for text in chunk], add_special_tokens=False)
            for text, encoding in zip(chunk, whole, strict=True):
                if before == tuple(encoding.ids[: len(before)]):
                    yield tuple(encoding.ids[len(before) :])
                else:
                    yield self.ids_after(text)

    @cached_property
    def _pieces(self) -> Pieces:
        return Pieces(self.tokenizer)


def _contexts(text: str) -> tuple[str, ...]:
    """Return what a text is put after, to see its tokens there."""
    if text.startswith(" "):
        return _BEFORE_SPACE
    return _BEFORE_LETTERS if text[:1].isalpha() else _BEFORE_OTHERS
