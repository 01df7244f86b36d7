"""Which models' details a single page has room for: charts, heat maps and example prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mi_checks.report.by_behaviour import Group, Pair

LIMIT = 2_000_000  # bytes of a page that can still be mailed, and opens at once


def in_full(groups: Sequence[Group], room: int, cost: Callable[[Pair], int]) -> frozenset[str]:
    """Anchors of the pairs whose details are given.

    In this order, as long as there is room: whatever did not pass; of each behaviour the model that shows most; the
    rest. What does not fit is left out, and within the rest nothing comes after it.

    Args:
        groups: the behaviours.
        room: bytes.
        cost: bytes that the details of a pair take.
    """
    taken: set[str] = set()
    for first, pair in _in_order(groups):
        if pair.anchor in taken:
            continue
        size = cost(pair)
        if size <= room:
            room -= size
            taken.add(pair.anchor)
        elif not first:
            break
    return frozenset(taken)


def _in_order(groups: Sequence[Group]) -> Iterator[tuple[bool, Pair]]:
    """Each pair with whether it has a reason to be among the first."""
    pairs = [pair for group in groups for pair in group.pairs]
    yield from ((True, pair) for pair in pairs if pair.outcome not in ("pass", "skipped", None))
    yield from ((True, max(group.pairs, key=_shown)) for group in groups)
    yield from ((False, pair) for pair in pairs)


def _shown(pair: Pair) -> tuple[bool, int, int, float]:
    """How much a pair has to show: claims first, then layers, then the size of the effect."""
    if pair.evidence is None:
        return not pair.absent, len(pair.results), 0, 0.0
    effect = pair.evidence.effect
    return not pair.absent, len(pair.results), effect.architecture.n_layers, effect.estimate.value
