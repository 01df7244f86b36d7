"""The view of a tokenizer that prompts need: ids with character spans, readable pieces, and single-token words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tokenizers import Encoding, Tokenizer

from mi_checks.errors import MiChecksError
from mi_checks.prompts.token_text import CharacterSpan, TokenPieces, json_settings, token_spans

_WORD = re.compile(r" [A-Za-z]{2,}")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_PROBES = ("a", "e", "0", "A", ".", "и", "的")  # single characters; every vocabulary has at least one of them
# Contexts put before a text, to see its tokens inside a longer text; the text must not merge with its context.
_BEFORE_SPACE = ("a", ".", "0", "\n")
_BEFORE_LETTERS = ("(", "\n", ".", '"', "0")
_BEFORE_OTHERS = ("a", "\n", "(", ".", "0")
_BATCH_TEXTS = 8192  # texts tokenized in one call


@dataclass(frozen=True, eq=False)
class Tokenization:
    """A tokenizer, with the token that begins every prompt and the number of tokens that the model embeds.

    Some tokenizers (Llama 2's, T5's) insert a space before every text. If a text begins with a space already, no second
    one is inserted: ` word` and `word` at the start of a prompt are the same token.

    Attributes:
        tokenizer: the tokenizer; its truncation and padding are never applied, so that whole prompts are measured.
        bos: the id of the beginning-of-sequence token, or None if the model was trained without one.
        rows: the number of tokens that the model embeds, if the tokenizer has more; prompts cannot use the others.
            Otherwise None.
    """

    tokenizer: Tokenizer
    bos: int | None
    rows: int | None = None

    def __post_init__(self) -> None:
        cut = self.tokenizer.truncation is not None or self.tokenizer.padding is not None
        trims = '"trim_offsets": true' in json.dumps(json_settings(self.tokenizer.post_processor))
        if cut or trims:
            own = Tokenizer.from_str(self.tokenizer.to_str())  # a copy, because the caller may use those settings
            own.no_truncation()
            own.no_padding()
            if trims:  # it trims spaces off the offsets; BOS is added by this class
                own.post_processor = None
            object.__setattr__(self, "tokenizer", own)

    def encode(self, text: str) -> tuple[tuple[int, ...], tuple[CharacterSpan, ...]]:
        """Return the token ids of a text that begins a prompt, and the (start, end) of each token's characters.

        The beginning-of-sequence token is not included. Tokens that are parts of one multi-byte character share its
        span. White space that the tokenizer drops belongs to the token after it; other dropped characters belong to
        none. A special token written out in the text, such as `<|endoftext|>`, is read as that token.

        Raises:
            MiChecksError: the text contains a lone surrogate, which no tokenizer can read.
        """
        encoding, shift = self._encode(text)
        offsets = [(start + shift, end + shift) for start, end in encoding.offsets] if shift else encoding.offsets
        own_spaces = [self.piece(token) == " " for token in encoding.ids] if self.writes_space else None
        return tuple(encoding.ids), token_spans(text, offsets, own_spaces)

    def ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text that begins a prompt, like `encode` without the spans."""
        return tuple(self._encode(text)[0].ids)

    def ids_after(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a text that follows other text, such as a space or an opening bracket.

        Templates put most values in such places. The result differs from that at the start of a prompt only for
        tokenizers that insert or drop a space there. If a text merges with every context, its tokens at the start of a
        prompt are returned.
        """
        if not self._begins_otherwise:
            return self.ids(text)
        for context in _contexts(text):
            before, whole = self.ids(context), self.ids(context + text)
            if before and whole[: len(before)] == before:
                return whole[len(before) :]
        return self.ids(text)

    def _encode(self, text: str) -> tuple[Encoding, int]:
        """Return the encoding of a text, and the number of its characters that the tokenizer inserts itself."""
        own = int(self._doubles_space and text.startswith(" ") and len(text) > 1)
        return self._raw(text[own:]), own

    def _raw(self, text: str) -> Encoding:
        try:
            return self.tokenizer.encode(text, add_special_tokens=False)
        except (TypeError, UnicodeEncodeError) as error:
            raise MiChecksError(f"the tokenizer cannot read {text!r}: {error}") from None

    @cached_property
    def writes_space(self) -> bool:
        """Return whether the tokenizer inserts a space before every text."""
        return any(ids and self.piece(ids[0]).startswith(" ") for ids in (self._raw(probe).ids for probe in _PROBES))

    @cached_property
    def _begins_otherwise(self) -> bool:
        """Return whether a word may have other tokens at the start of a text, where a space is inserted or dropped."""
        alike = (self._raw(probe).ids == self._raw(" " + probe).ids for probe in _PROBES)
        return self.writes_space or any(alike)

    @cached_property
    def _doubles_space(self) -> bool:
        """Return whether the tokenizer inserts a space even before a text that begins with one."""
        return self.writes_space and any(self._raw(probe).ids != self._raw(" " + probe).ids for probe in _PROBES)

    def piece(self, token_id: int) -> str:
        """Return the text of a token, for display; bytes that are not a whole UTF-8 character appear as `<0xE6>`."""
        return self._pieces[token_id]

    def pieces(self, text: str) -> tuple[str, ...]:
        """Return the pieces into which a text is split if it follows other text."""
        return tuple(map(self.piece, self.ids_after(text)))

    @cached_property
    def unknown(self) -> int | None:
        """Return the id of the unknown token, or None if the tokenizer has none."""
        model = self.tokenizer.model
        if hasattr(model, "unk_token"):
            return None if model.unk_token is None else self.tokenizer.token_to_id(model.unk_token)
        match = re.search(rb'"unk_id":(\d+)', model.__getstate__())
        return int(match[1]) if match else None

    def without_embedding(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Return the tokens that the model does not embed, because they lie beyond the last row of its embedding."""
        return () if self.rows is None else tuple(token for token in tokens if token >= self.rows)

    @cached_property
    def drawable_tokens(self) -> tuple[int, ...]:
        """Return the ids, ascending, of the tokens that can be drawn at random.

        These are the tokens of the vocabulary that were not added to it and have a row in the embedding.
        """
        known = self.tokenizer.get_vocab(with_added_tokens=False).values()
        return tuple(
            sorted(
                token for token in known if token not in self._pieces.added and (self.rows is None or token < self.rows)
            )
        )

    def word_tokens(self) -> tuple[tuple[int, str], ...]:
        """Return the (id, text) of each token that is a space and two or more ASCII letters in the middle of a text."""
        return self._word_tokens

    @cached_property
    def _word_tokens(self) -> tuple[tuple[int, str], ...]:
        pieces = [(token, self.piece(token)) for token in self.drawable_tokens]
        words = [(token, piece) for token, piece in pieces if _WORD.fullmatch(piece)]
        if not words:  # a vocabulary of words without spaces, such as WordPiece's
            words = [(token, " " + piece) for token, piece in pieces if _LETTERS.fullmatch(piece)]
        return tuple(
            (token, text)
            for (token, text), ids in zip(words, self._all_after([text for _, text in words]), strict=True)
            if ids == (token,)
        )

    def _all_after(self, texts: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """Yield the result of `ids_after` for texts that begin with a space, tokenized in batches."""
        context = _BEFORE_SPACE[0] if self._begins_otherwise else ""
        before = self.ids(context)
        for start in range(0, len(texts), _BATCH_TEXTS):
            chunk = texts[start : start + _BATCH_TEXTS]
            whole = self.tokenizer.encode_batch([context + text for text in chunk], add_special_tokens=False)
            for text, encoding in zip(chunk, whole, strict=True):
                if before == tuple(encoding.ids[: len(before)]):
                    yield tuple(encoding.ids[len(before) :])
                else:
                    yield self.ids_after(text)

    @cached_property
    def _pieces(self) -> TokenPieces:
        return TokenPieces(self.tokenizer)


def _contexts(text: str) -> tuple[str, ...]:
    """Return the contexts after which a text is put, to see its tokens there."""
    if text.startswith(" "):
        return _BEFORE_SPACE
    return _BEFORE_LETTERS if text[:1].isalpha() else _BEFORE_OTHERS
