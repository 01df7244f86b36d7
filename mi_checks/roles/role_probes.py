"""The probe prompts of a model, on which roles are scored and which no check uses.

They depend only on the tokenizer and the context length, with a seed of their own, and not on any behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.spec.variables import pool_values

Tokens = npt.NDArray[np.int64]

SEED = 20220308  # used by no behaviour and by no other generator
N_PROMPTS = 32  # number of prompts of each kind
MAX_PERIOD = 24  # number of random tokens before they are repeated
MIN_NAMES = 16  # single-token names, below which other words are used
# Wang et al. 2022: "When Mary and John went to the store, John gave a drink to" → Mary.
FRAME = ("When", " and", " went to the store,", " gave a drink to")


@dataclass(frozen=True)
class RepeatedTokenPrompts:
    """Sequences of distinct random tokens that are repeated once.

    Attributes:
        tokens: the token ids, `prompt pos`, including the beginning-of-sequence token if the model has one.
        start: the position of the first random token.
        period: the number of random tokens before they are repeated.
    """

    tokens: Tokens
    start: int
    period: int

    @property
    def second(self) -> Tokens:
        """Return the positions at which the tokens occur again, `token`."""
        return self.start + self.period + np.arange(self.period)


@dataclass(frozen=True)
class NamePrompts:
    """Prompts `x A y B z B w` or `x B y A z B w`, whose continuation is A.

    Attributes:
        tokens: the token ids, `prompt pos`; the last is END.
        name_positions: the position of the name that occurs once, `prompt`.
        names: the token of that name, `prompt`.
    """

    tokens: Tokens
    name_positions: Tokens
    names: Tokens


def repeated_token_prompts(loaded_model: LoadedModel) -> RepeatedTokenPrompts:
    """Return `N_PROMPTS` sequences of up to `MAX_PERIOD` distinct tokens, each repeated once.

    The tokens are drawn uniformly from the ordinary tokens of the vocabulary.

    Raises:
        MiChecksError: the model's context or its vocabulary is too small for two tokens, repeated.
    """
    first = _first(loaded_model)
    ordinary = _ordinary(loaded_model)
    period = min(MAX_PERIOD, (loaded_model.n_ctx - len(first)) // 2, len(ordinary))
    if period < 2:
        raise MiChecksError(
            f"{loaded_model.name}: its context or its vocabulary is too small for the probe prompts of roles"
        )
    rng = np.random.default_rng(SEED)
    random_tokens = np.stack([rng.choice(ordinary, period, replace=False) for _ in range(N_PROMPTS)])
    before = np.tile(np.array(first, dtype=np.int64), (N_PROMPTS, 1))
    return RepeatedTokenPrompts(np.concatenate([before, random_tokens, random_tokens], 1), len(first), period)


def name_prompts(loaded_model: LoadedModel) -> NamePrompts:
    """Return `N_PROMPTS` prompts of two names in the frame of Wang et al. 2022, half in each order (ABB and BAB).

    The names are the pool's first names that are single tokens after a space, or, if there are fewer than `MIN_NAMES`
    of them, tokens that are a space and a word.

    Raises:
        MiChecksError: the prompts do not fit the model's context, or there are not enough words.
    """
    rng = np.random.default_rng([SEED, 1])
    names = _names(loaded_model)
    begin, *rest = FRAME
    x = list(loaded_model.tokenization.ids(begin))
    y, z, w = (list(loaded_model.tokenization.ids_after(piece)) for piece in rest)
    first = _first(loaded_model)
    rows, name_positions, answers = [], [], []
    for prompt in range(N_PROMPTS):
        a, b = (int(token) for token in rng.choice(names, 2, replace=False))
        one, two = (a, b) if prompt % 2 == 0 else (b, a)
        rows.append([*first, *x, one, *y, two, *z, b, *w])
        position = len(first) + len(x)
        name_positions.append(position if one == a else position + 1 + len(y))
        answers.append(a)
    if len(rows[0]) > loaded_model.n_ctx:
        raise MiChecksError(
            f"{loaded_model.name}: the role score name_mover needs prompts of {len(rows[0])} tokens, "
            f"and the model's context is {loaded_model.n_ctx} tokens"
        )
    return NamePrompts(*(np.array(part, dtype=np.int64) for part in (rows, name_positions, answers)))


def _first(loaded_model: LoadedModel) -> tuple[int, ...]:
    bos = loaded_model.tokenization.bos
    return () if bos is None else (bos,)


def _ordinary(loaded_model: LoadedModel) -> Tokens:
    first = _first(loaded_model)
    return np.array(
        [token for token in loaded_model.tokenization.drawable_tokens if token not in first], dtype=np.int64
    )


def _names(loaded_model: LoadedModel) -> Tokens:
    encoded = (loaded_model.tokenization.ids_after(f" {name}") for name in pool_values("first_names"))
    names = sorted(
        {ids[0] for ids in encoded if len(ids) == 1 and not loaded_model.tokenization.without_embedding(ids)}
    )
    if len(names) < MIN_NAMES:
        names = [token for token, _ in loaded_model.tokenization.word_tokens()]
    if len(names) < MIN_NAMES:
        raise MiChecksError(
            f"{loaded_model.name}: its tokenizer has too few single-token words for the role score name_mover"
        )
    return np.array(names, dtype=np.int64)
