"""The tokens that a row may consist of: their texts, concatenated, are tokenized to the same tokens again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mi_checks.prompts.tokenization import Tokenization

Triple = tuple[int, int, int]  # token ids of a, b and c


Bools = npt.NDArray[np.bool_]
N_FILLERS = 4  # words of the vocabulary after and between which a row's texts are tested


@dataclass(frozen=True)
class TokenMasks:
    """The tokens that may be a, b and c, each `vocabulary`.

    A token after other words must start a word: always a, and b if there is a gap, since skip trigrams would otherwise
    be pieces of one word.
    """

    a: Bools
    b: Bools
    c: Bools


class EligibleTokens:
    """The tokens of a vocabulary, as texts that a template can concatenate."""

    def __init__(self, tokenization: Tokenization, *, gap: bool, letters: bool) -> None:
        """Determine the text of every token.

        Args:
            tokenization: the tokenization.
            gap: whether other words are between a and b.
            letters: whether to admit only tokens of ASCII letters; otherwise any that can be printed on a line.
        """
        self._by = tokenization
        self._gap = gap
        ordinary = set(tokenization.drawable_tokens)
        self.size = max(tokenization.tokenizer.get_vocab().values(), default=-1) + 1
        self.texts = tuple(tokenization.piece(token) for token in range(self.size))
        fit = np.array(
            [
                token in ordinary and text.isprintable() and bool(text.strip()) and (not letters or _letters(text))
                for token, text in enumerate(self.texts)
            ],
            dtype=bool,
        )
        begins = np.array([text.startswith(" ") or not letters for text in self.texts], dtype=bool)
        self.masks = TokenMasks(a=fit & begins, b=fit & begins if gap else fit, c=fit)

    def round_trips(self, triple: Triple) -> bool:
        """Return whether the texts of a, b and c are tokenized to these tokens again, after and between other words."""
        a, b, c = (self.texts[token] for token in triple)
        return all(
            self._by.encode(filler + a + (filler if self._gap else "") + b + c)[0]
            == (*ids, triple[0], *(ids if self._gap else ()), *triple[1:])
            for ids, filler in self._fillers
        )

    @cached_property
    def _fillers(self) -> tuple[tuple[tuple[int, ...], str], ...]:
        words = self._by.word_tokens()
        chosen = [words[place * len(words) // N_FILLERS] for place in range(N_FILLERS)] if words else []
        return tuple(((token,), text) for token, text in chosen) or (((), ""),)


def _letters(text: str) -> bool:
    return text.isascii() and text.removeprefix(" ").isalpha()
