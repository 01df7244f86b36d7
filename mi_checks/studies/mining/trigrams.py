"""Trigrams `a b c` and skip trigrams `a … b c` that meet criteria, and pairs of them that share a token.

They are counted one b at a time, so that memory does not grow with the table of trigrams.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from mi_checks.output.progress import progress_bar
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.mining.corpus import NO_TOKEN, TokenArray
from mi_checks.studies.mining.eligible_tokens import Bools, EligibleTokens, TokenMasks, Triple

Ints = npt.NDArray[np.int64]
TOKENS_AT_ONCE = 1 << 22  # tokens processed at once
SharedToken = Literal["a", "b"]
MAX_TRIED_TRIGRAMS = 12  # the most frequent trigrams that share a token, which are tried as pairs


@dataclass(frozen=True)
class TrigramCriteria:
    """The criteria that a trigram must meet in the files that are not held out.

    Attributes:
        gap: 0 for `a b → c`; otherwise a is 2 to `gap` tokens before b, `a … b → c`.
        least_count: the minimum number of occurrences of `a … b c`; each position counts once, however often a precedes
            it.
        likely: the minimum of P(c | a, b).
        unlikely: the maximum of P(c | b).
        crossed: for a pair, the maximum of P(c | a2, b) or P(c | a, b2).
    """

    gap: int = 0
    least_count: int = 150
    likely: float = 0.6
    unlikely: float = 0.1
    crossed: float = 0.1

    @property
    def distances(self) -> range:
        """Return the numbers of tokens that a may be before b."""
        return range(2, self.gap + 1) if self.gap else range(1, 2)


@dataclass(frozen=True)
class Trigram:
    """A trigram and its counts in the files that are not held out."""

    triple: Triple
    count: int  # of a … b c
    ab_count: int  # of a … b followed by any token
    bc_count: int  # of b c
    b_count: int  # of b followed by any token

    @property
    def p_given_ab(self) -> float:
        """Return P(c | a, b)."""
        return self.count / self.ab_count

    @property
    def p_given_b(self) -> float:
        """Return P(c | b)."""
        return self.bc_count / self.b_count


@dataclass(frozen=True)
class TrigramRow:
    """A trigram as it is reported.

    Attributes:
        trigram: the trigram with its counts.
        texts: the texts of a, b and c.
        held_out: P(c | a, b) in the held-out files, with its interval; None if a … b does not occur in them.
        held_out_count: the occurrences of a … b c there.
        p_other_given_ab: for a pair, P(c2 | a, b), where c2 is the other's continuation; None for a single trigram.
    """

    trigram: Trigram
    texts: tuple[str, str, str]
    held_out: Estimate | None
    held_out_count: int
    p_other_given_ab: float | None


class TrigramCounter:
    """An index of the positions of each token b in a text, for counting the tokens before and after them."""

    def __init__(self, tokens: TokenArray, vocabulary: int, distances: range) -> None:
        """Sort the positions by b."""
        self.vocabulary = vocabulary
        self._tokens = tokens
        self._distances = distances
        # positions of b that are followed by a token
        inside = np.flatnonzero((tokens[:-1] != NO_TOKEN) & (tokens[1:] != NO_TOKEN))
        self._places = inside[np.argsort(tokens[inside], kind="stable")]
        self._bounds = np.searchsorted(tokens[self._places], np.arange(vocabulary + 1))

    def occurrences(self, b: int) -> int:
        """Return how often b is followed by a token of its file."""
        return int(self._bounds[b + 1] - self._bounds[b])

    def after(self, b: int) -> Ints:
        """Return how often each token follows b, `vocabulary`."""
        places = self._places[self._bounds[b] : self._bounds[b + 1]]
        return np.bincount(self._tokens[places + 1], minlength=self.vocabulary)

    def before(self, b: int) -> Iterator[tuple[TokenArray, TokenArray]]:
        """Yield the distinct tokens at the distances before b, and the token after it, in chunks.

        Yields:
            tokens a, `place distance`, with `NO_TOKEN` where there is no token or a duplicate; and c, `place`.
        """
        step = max(1, TOKENS_AT_ONCE // len(self._distances))
        for start in range(self._bounds[b], self._bounds[b + 1], step):
            places = self._places[start : min(start + step, self._bounds[b + 1])]
            first: TokenArray = np.stack([self._tokens[places - distance] for distance in self._distances], axis=1)
            first.sort(axis=1)
            first[:, 1:][first[:, 1:] == first[:, :-1]] = NO_TOKEN
            yield first, self._tokens[places + 1]


def mine_trigrams(counter: TrigramCounter, criteria: TrigramCriteria, masks: TokenMasks) -> list[Trigram]:
    """Return every trigram that meets the criteria, in the order of b.

    Args:
        counter: the counts of the files that are not held out.
        criteria: the criteria.
        masks: the tokens that may be a, b and c.
    """
    trigrams: list[Trigram] = []
    wanted = [b for b in np.flatnonzero(masks.b).tolist() if counter.occurrences(b) >= criteria.least_count]
    for b in progress_bar(sys.stderr)(wanted, len(wanted), "counting tokens"):
        after, total = counter.after(b), counter.occurrences(b)
        allowed = masks.c & (after >= criteria.least_count) & (after <= criteria.unlikely * total)
        if allowed.any():
            trigrams += _mine_one(counter, criteria, b, masks.a, allowed, after)
    return trigrams


def _mine_one(
    counter: TrigramCounter,
    criteria: TrigramCriteria,
    b: int,
    firsts: Bools,
    allowed: Bools,
    after: Ints,
) -> Iterator[Trigram]:
    size = counter.vocabulary
    both = np.zeros(size, dtype=np.int64)
    codes, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for first, following in counter.before(b):
        there = first != NO_TOKEN
        both += np.bincount(first[there], minlength=size)
        place, column = np.nonzero(there & allowed[following][:, None])
        before = first[place, column].astype(np.int64)
        allowed_first = firsts[before]
        more, how_often = np.unique(before[allowed_first] * size + following[place[allowed_first]], return_counts=True)
        codes, inverse = np.unique(np.concatenate([codes, more]), return_inverse=True)
        counts = np.bincount(inverse, np.concatenate([counts, how_often]), minlength=len(codes)).astype(np.int64)
    a, c = codes // size, codes % size
    chosen = (counts >= criteria.least_count) & (counts >= criteria.likely * both[a])
    total = counter.occurrences(b)
    for first_id, next_id, count in zip(a[chosen].tolist(), c[chosen].tolist(), counts[chosen].tolist(), strict=True):
        yield Trigram((first_id, b, next_id), count, int(both[first_id]), int(after[next_id]), total)


def count_triples(counter: TrigramCounter, triples: Iterable[Triple]) -> dict[Triple, tuple[int, int]]:
    """Return for each triple how often it occurs, and how often its a and b do, followed by any token."""
    wanted = set(triples)
    counts_of: dict[Triple, tuple[int, int]] = {}
    for b in sorted({b for _, b, _ in wanted}):
        triples_of_b = sorted(triple for triple in wanted if triple[1] == b)
        after = {a: np.zeros(counter.vocabulary, dtype=np.int64) for a, _, _ in triples_of_b}
        for first, c in counter.before(b):
            for a, counts in after.items():
                counts += np.bincount(c[(first == a).any(axis=1)], minlength=counter.vocabulary)
        counts_of |= {(a, b, c): (int(after[a][c]), int(after[a].sum())) for a, _, c in triples_of_b}
    return counts_of


TrigramPair = tuple[Trigram, Trigram]


def pair_trigrams(
    trigrams: list[Trigram],
    counter: TrigramCounter,
    criteria: TrigramCriteria,
    eligible: EligibleTokens,
    shared: SharedToken,
) -> list[TrigramPair]:
    """Return one pair for each shared token, the most frequent that does not cross over, most frequent pairs first.

    A pair crosses over if the continuation of one trigram is likely after the other: P(c | a2, b) or P(c | a, b2) above
    `criteria.crossed`. The frequency of a pair is that of its rarer trigram.
    """
    by_shared: defaultdict[int, list[Trigram]] = defaultdict(list)
    for one in sorted(trigrams, key=lambda one: (-one.count, one.triple)):
        alike = by_shared[one.triple["ab".index(shared)]]
        if len(alike) < MAX_TRIED_TRIGRAMS:
            alike.append(one)
    tried = [
        [(one, other) for one, other in combinations(alike, 2) if _differ(one.triple, other.triple)]
        for alike in by_shared.values()
    ]
    crossings = count_triples(counter, (triple for some in tried for pair in some for triple in crossed_triples(pair)))
    chosen: list[TrigramPair] = []
    for some in tried:
        fit = (
            pair
            for pair in sorted(some, key=lambda pair: -pair[1].count)
            if all(
                _rare(*crossings[triple], criteria.crossed) and eligible.round_trips(triple)
                for triple in crossed_triples(pair)
            )
        )
        chosen += [pair] if (pair := next(fit, None)) else []
    return sorted(chosen, key=lambda pair: (-pair[1].count, pair[0].triple))


def crossed_triples(pair: TrigramPair) -> tuple[Triple, Triple]:
    """Return each trigram with the other's continuation."""
    (a, b, c), (a2, b2, c2) = pair[0].triple, pair[1].triple
    return (a, b, c2), (a2, b2, c)


def _differ(one: Triple, other: Triple) -> bool:
    return one[2] != other[2] and one[:2] != other[:2]


def _rare(count: int, both: int, most: float) -> bool:
    return count <= most * both
