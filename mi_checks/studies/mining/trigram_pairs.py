"""Pairs of trigrams that share b, so that b alone prefers neither continuation, or that share a."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import Literal

from mi_checks.studies.mining.count import Counter, look_up
from mi_checks.studies.mining.criteria import Criteria, Found, Triple
from mi_checks.studies.mining.written_tokens import Written

Shared = Literal["a", "b"]
TrigramPair = tuple[Found, Found]
MAX_TRIED = 12  # the most frequent trigrams that share a token, which are tried as pairs


def pairs(
    found: list[Found], counter: Counter, criteria: Criteria, written: Written, shared: Shared
) -> list[TrigramPair]:
    """Return one pair for each shared token, the most frequent that does not cross over, most frequent pairs first.

    A pair crosses over if the continuation of one trigram is likely after the other: P(c | a2, b) or P(c | a, b2) above
    `criteria.crossed`. The frequency of a pair is that of its rarer trigram.
    """
    by_shared: defaultdict[int, list[Found]] = defaultdict(list)
    for one in sorted(found, key=lambda one: (-one.count, one.triple)):
        alike = by_shared[one.triple["ab".index(shared)]]
        if len(alike) < MAX_TRIED:
            alike.append(one)
    tried = [
        [(one, other) for one, other in combinations(alike, 2) if _apart(one.triple, other.triple)]
        for alike in by_shared.values()
    ]
    crossings = look_up(counter, (triple for some in tried for pair in some for triple in crossed(pair)))
    chosen: list[TrigramPair] = []
    for some in tried:
        fit = (
            pair
            for pair in sorted(some, key=lambda pair: -pair[1].count)
            if all(_rare(*crossings[triple], criteria.crossed) and written.holds(triple) for triple in crossed(pair))
        )
        chosen += [pair] if (pair := next(fit, None)) else []
    return sorted(chosen, key=lambda pair: (-pair[1].count, pair[0].triple))


def crossed(pair: TrigramPair) -> tuple[Triple, Triple]:
    """Return each trigram with the other's continuation."""
    (a, b, c), (a2, b2, c2) = pair[0].triple, pair[1].triple
    return (a, b, c2), (a2, b2, c)


def _apart(one: Triple, other: Triple) -> bool:
    return one[2] != other[2] and one[:2] != other[:2]


def _rare(count: int, both: int, most: float) -> bool:
    return count <= most * both
