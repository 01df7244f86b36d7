"""Random draws of one value for each variable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.prompts.candidates import DrawnVariable, Value, candidates, value_repr, value_texts
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.variables import RandomTokens, SameAs


def satisfies_differs_from(value: Value, other: Value) -> bool:
    """Return whether two values satisfy `differs_from`.

    Texts are compared without the spaces around them, because ` name` is `name` in another place. A text differs from a
    row if none of the row's fields equals it. Two rows differ unless they are equal: an author who does not want them
    to share a field must write the rows accordingly.
    """
    if isinstance(value, str) or isinstance(other, str):
        return {text.strip() for text in value_texts(value)}.isdisjoint(text.strip() for text in value_texts(other))
    return dict(value) != dict(other)


@dataclass(frozen=True)
class _VariableCandidates:
    name: str
    variable: DrawnVariable
    candidates: tuple[Value, ...]
    index: Mapping[int, int]  # for random tokens: the index of each token id among the candidates


class VariableSampler:
    """The variables of a behaviour under one tokenizer, ready to be drawn."""

    def __init__(
        self, declared: Mapping[str, DrawnVariable | SameAs], tokenization: Tokenization, behaviour: str
    ) -> None:
        """Find the candidates of each variable.

        Raises:
            TooFewPromptsError: a variable has no candidates.
            MiChecksError: see `candidates`; or `differs_from` names a variable that is not declared before.
        """
        self._tokens = lru_cache(maxsize=1024)(partial(_tokens_of, tokenization))
        ids = {text: token for token, text in tokenization.word_tokens()}
        sources: list[_VariableCandidates] = []
        self._copies: dict[str, str] = {}  # same_as: the name of the variable whose value each variable takes
        for name, variable in declared.items():
            before = [source.name for source in sources]
            for other in variable.others:
                if other not in before:
                    raise MiChecksError(
                        f"behaviour {behaviour!r}: variable {name!r} differs_from {other!r}, which is not declared "
                        f"before it{did_you_mean(other, before)}"
                    )
            if isinstance(variable, SameAs):
                self._copies[name] = variable.same_as
                continue
            values = candidates(name, variable, tokenization, behaviour)
            words = (
                (text for value in values for text in value_texts(value)) if isinstance(variable, RandomTokens) else ()
            )
            index = {ids[text]: place for place, text in enumerate(words)}
            sources.append(_VariableCandidates(name, variable, values, index))
        self._sources = tuple(sources)

    def draw(self, rng: np.random.Generator) -> dict[str, Value] | Rejection:
        """Return a value for each variable, or a rejection if earlier draws leave no value for a later variable."""
        values: dict[str, Value] = {}
        for source in self._sources:
            others = {other: values[other] for other in source.variable.others}
            value: Value | None
            if isinstance(source.variable, RandomTokens):
                value = self._random_tokens(source, source.variable, tuple(others.values()), rng)
            else:
                value = _draw_candidate(source, tuple(others.values()), rng)
            if value is None:
                but = ", ".join(f"{other}={value_repr(taken)}" for other, taken in others.items())
                return Rejection("exhausted", f"no value of variable {source.name!r} differs from {but}")
            values[source.name] = value
        return values | {name: values[other] for name, other in self._copies.items()}

    def _random_tokens(
        self, source: _VariableCandidates, variable: RandomTokens, others: tuple[Value, ...], rng: np.random.Generator
    ) -> str | None:
        allowed: npt.NDArray[np.intp] = np.arange(len(source.candidates))
        if others:
            excluded_ids = {token for other in others for text in value_texts(other) for token in self._tokens(text)}
            free = np.ones(len(source.candidates), dtype=bool)
            free[[source.index[token] for token in excluded_ids if token in source.index]] = False
            allowed = np.flatnonzero(free)
        if len(allowed) < (variable.length if variable.distinct else 1):
            return None
        picks = rng.choice(allowed, size=variable.length, replace=not variable.distinct)
        return "".join(text for pick in picks for text in value_texts(source.candidates[pick]))


def _tokens_of(tokenization: Tokenization, text: str) -> tuple[int, ...]:
    # A template may put the space that a value lacks in front of it.
    return tokenization.ids_after(text) + tokenization.ids_after(" " + text.removeprefix(" "))


def _draw_candidate(source: _VariableCandidates, others: tuple[Value, ...], rng: np.random.Generator) -> Value | None:
    if not others:
        return source.candidates[int(rng.integers(len(source.candidates)))]
    shuffled = (source.candidates[place] for place in rng.permutation(len(source.candidates)))
    return next((value for value in shuffled if all(satisfies_differs_from(value, other) for other in others)), None)
