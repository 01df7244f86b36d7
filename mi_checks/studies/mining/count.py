"""Counts of `a b c` or `a … b c`, one b at a time, so that memory does not grow with the table of trigrams."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from mi_checks.output.progress import progress_bar
from mi_checks.studies.mining.criteria import Criteria, Found, Triple
from mi_checks.studies.mining.encode import NONE, Tokens
from mi_checks.studies.mining.written_tokens import Bools, Masks

Ints = npt.NDArray[np.int64]
AT_ONCE = 1 << 22  # tokens processed at once


class Counter:
    """An index of the positions of each token b in a text, for counting the tokens before and after them."""

    def __init__(self, tokens: Tokens, vocabulary: int, distances: range) -> None:
        """Sort the positions by b."""
        self.vocabulary = vocabulary
        self._tokens = tokens
        self._distances = distances
        # positions of b that are followed by a token
        inside = np.flatnonzero((tokens[:-1] != NONE) & (tokens[1:] != NONE))
        self._places = inside[np.argsort(tokens[inside], kind="stable")]
        self._bounds = np.searchsorted(tokens[self._places], np.arange(vocabulary + 1))

    def occurrences(self, b: int) -> int:
        """Return how often b is followed by a token of its file."""
        return int(self._bounds[b + 1] - self._bounds[b])

    def after(self, b: int) -> Ints:
        """Return how often each token follows b, `vocabulary`."""
        places = self._places[self._bounds[b] : self._bounds[b + 1]]
        return np.bincount(self._tokens[places + 1], minlength=self.vocabulary)

    def before(self, b: int) -> Iterator[tuple[Tokens, Tokens]]:
        """Yield the distinct tokens at the distances before b, and the token after it, in chunks.

        Yields:
            tokens a, `place distance`, with `NONE` where there is no token or a duplicate; and c, `place`.
        """
        step = max(1, AT_ONCE // len(self._distances))
        for start in range(self._bounds[b], self._bounds[b + 1], step):
            places = self._places[start : min(start + step, self._bounds[b + 1])]
            first: Tokens = np.stack([self._tokens[places - distance] for distance in self._distances], axis=1)
            first.sort(axis=1)
            first[:, 1:][first[:, 1:] == first[:, :-1]] = NONE
            yield first, self._tokens[places + 1]


def mine(counter: Counter, criteria: Criteria, masks: Masks) -> list[Found]:
    """Return every trigram that meets the criteria, in the order of b.

    Args:
        counter: the counts of the files that are not held out.
        criteria: the criteria.
        masks: the tokens that may be a, b and c.
    """
    trigrams: list[Found] = []
    wanted = [b for b in np.flatnonzero(masks.b).tolist() if counter.occurrences(b) >= criteria.least_count]
    for b in progress_bar(sys.stderr)(wanted, len(wanted), "counting tokens"):
        after, total = counter.after(b), counter.occurrences(b)
        allowed = masks.c & (after >= criteria.least_count) & (after <= criteria.unlikely * total)
        if allowed.any():
            trigrams += _mine_one(counter, criteria, b, masks.a, allowed, after)
    return trigrams


def _mine_one(
    counter: Counter,
    criteria: Criteria,
    b: int,
    firsts: Bools,
    allowed: Bools,
    after: Ints,
) -> Iterator[Found]:
    size = counter.vocabulary
    both = np.zeros(size, dtype=np.int64)
    codes, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    for first, following in counter.before(b):
        there = first != NONE
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
        yield Found((first_id, b, next_id), count, int(both[first_id]), int(after[next_id]), total)


def look_up(counter: Counter, triples: Iterable[Triple]) -> dict[Triple, tuple[int, int]]:
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
