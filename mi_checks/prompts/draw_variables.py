"""Random draws of one value for each variable, in rounds over the rows of finite sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.prompts.candidates import DrawnVariable, Value, candidates, value_repr, value_texts
from mi_checks.prompts.factors import MAX_LABEL_CHARS, Factor, factor
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.variables import FiniteVariable, RandomTokens, SameAs


def satisfies_differs_from(value: Value, other: Value) -> bool:
    """Return whether two values satisfy `differs_from`.

    Texts are compared without the spaces around them, because ` name` is `name` in another place. A text differs from a
    row if none of the row's fields equals it. Two rows differ unless they are equal: an author who does not want them
    to share a field must write the rows accordingly.
    """
    if isinstance(value, str) or isinstance(other, str):
        return {text.strip() for text in value_texts(value)}.isdisjoint(text.strip() for text in value_texts(other))
    return dict(value) != dict(other)


BALANCED_ATTEMPTS = 500  # at one pair; later ones draw rows at random, to find the last that is left
REPEAT_WEIGHT = 0.25  # of a draw; by simulation, rows are then drawn equally often, give or take 1, most closely


@dataclass(frozen=True)
class Draw:
    """One value for each variable.

    Attributes:
        values: the values, by variable.
        rows: the places of those that come from a finite source, among the candidates of their variable.
    """

    values: Mapping[str, Value]
    rows: Mapping[str, int]


class _RowUse:
    """How often each row of a variable was drawn, so that rows are drawn in rounds: each equally often, give or take 1.

    A row that never gave a pair (it is of another length under this tokenizer, say) counts the draws that were
    rejected instead, so that it holds up no round.
    """

    def __init__(self, size: int) -> None:
        self.accepted = np.zeros(size, dtype=np.int64)
        self.rejected = np.zeros(size, dtype=np.int64)
        self.in_vain = np.zeros(size)  # draws for the pair that is sought now

    def order(self, rng: np.random.Generator, attempt: int) -> npt.NDArray[np.intp]:
        """Return the rows, those drawn least often first and equal ones at random."""
        shuffled = rng.permutation(len(self.accepted))
        if attempt >= BALANCED_ATTEMPTS:
            return shuffled
        used = np.where(self.accepted > 0, self.accepted, self.rejected) + self.in_vain
        return shuffled[np.argsort(used[shuffled], kind="stable")]


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
        self._use = {
            source.name: _RowUse(len(source.candidates))
            for source in sources
            if not isinstance(source.variable, RandomTokens)
        }
        self._rows: dict[str, list[int]] = {name: [] for name in self._use}
        self._repeats = 0  # draws for the pair that is sought now whose combination of rows was taken

    def draw(self, rng: np.random.Generator, attempt: int = 0) -> Draw | Rejection:
        """Return a value for each variable, or a rejection if earlier draws leave no value for a later variable.

        Args:
            rng: draws the values.
            attempt: how many draws for this pair were in vain.
        """
        values: dict[str, Value] = {}
        rows: dict[str, int] = {}
        for source in self._sources:
            others = {other: values[other] for other in source.variable.others}
            value: Value | None
            if isinstance(source.variable, RandomTokens):
                value = self._random_tokens(source, source.variable, tuple(others.values()), rng)
            else:
                order = self._use[source.name].order(rng, attempt)
                row = _first_that_differs(source, tuple(others.values()), order)
                value = None if row is None else source.candidates[row]
                if row is not None:
                    rows[source.name] = row
            if value is None:
                but = ", ".join(f"{other}={value_repr(taken)}" for other, taken in others.items())
                return Rejection("exhausted", f"no value of variable {source.name!r} differs from {but}")
            values[source.name] = value
        return Draw(values | {name: values[other] for name, other in self._copies.items()}, rows)

    def accept(self, draw: Draw) -> None:
        """Count a draw that gave a pair."""
        for name, row in draw.rows.items():
            self._use[name].accepted[row] += 1
            self._rows[name].append(row)
        for use in self._use.values():
            use.in_vain[:] = 0
        self._repeats = 0

    def reject(self, draw: Draw, rejection: Rejection) -> None:
        """Count a draw that gave none.

        If another pair already has this combination of rows, one of them is made a little less likely, the variables
        taking turns, so that no row gets far behind the others.
        """
        if rejection.kind == "repeat":
            if draw.rows:
                self._repeats += 1
                name = tuple(draw.rows)[self._repeats % len(draw.rows)]
                self._use[name].in_vain[draw.rows[name]] += REPEAT_WEIGHT
            return
        for name, row in draw.rows.items():
            use = self._use[name]
            if use.accepted[row] == 0:
                use.rejected[row] += 1
            else:
                use.in_vain[row] += 1

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Return the finite sources of more than one row, with the row that each accepted pair took."""
        found = (
            _factor(source, self._rows[source.name], sampled=source.variable.is_sampled)
            for source in self._sources
            if isinstance(source.variable, FiniteVariable)
        )
        return tuple(each for each in found if each.size > 1)

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


def _factor(source: _VariableCandidates, rows: list[int], *, sampled: bool) -> Factor:
    labels = () if sampled else tuple(map(_label, source.candidates))
    return factor(source.name, rows, sampled=sampled, labels=labels)


def _label(value: Value) -> str:
    """Return a value as text, or the fields of a row as `field=text, …`, shortened to `MAX_LABEL_CHARS`."""
    text = repr(value) if isinstance(value, str) else ", ".join(f"{name}={each!r}" for name, each in value.items())
    return text if len(text) <= MAX_LABEL_CHARS else text[: MAX_LABEL_CHARS - 1] + "…"


def _tokens_of(tokenization: Tokenization, text: str) -> tuple[int, ...]:
    # A template may put the space that a value lacks in front of it.
    return tokenization.ids_after(text) + tokenization.ids_after(" " + text.removeprefix(" "))


def _first_that_differs(
    source: _VariableCandidates, others: tuple[Value, ...], order: npt.NDArray[np.intp]
) -> int | None:
    for row in order.tolist():
        if all(satisfies_differs_from(source.candidates[row], other) for other in others):
            return int(row)
    return None
