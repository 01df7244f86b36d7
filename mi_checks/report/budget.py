"""The size budget of a single page: for which models it has room for charts, heat maps and example prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mi_checks.report.by_behaviour import Group, Pair

LIMIT = 2_000_000  # bytes; a larger page is hard to mail and slow to open


def in_full(groups: Sequence[Group], room: int, cost: Callable[[Pair], int]) -> frozenset[str]:
    """Return the anchors of the pairs whose details are shown.

    Pairs are taken in this order while there is room: first those that did not pass, then the most informative model of
    each behaviour, then the rest. A pair of the first two kinds that does not fit is skipped; in the rest, the first
    pair that does not fit ends the selection.

    Args:
        groups: the behaviours.
        room: the budget, in bytes.
        cost: returns the bytes that the details of a pair take.
    """
    anchors: set[str] = set()
    for first, pair in _in_order(groups):
        if pair.anchor in anchors:
            continue
        size = cost(pair)
        if size <= room:
            room -= size
            anchors.add(pair.anchor)
        elif not first:
            break
    return frozenset(anchors)


def _in_order(groups: Sequence[Group]) -> Iterator[tuple[bool, Pair]]:
    """Yield each pair, with whether it has priority; a pair can occur more than once."""
    pairs = [pair for group in groups for pair in group.pairs]
    yield from ((True, pair) for pair in pairs if pair.outcome not in ("pass", "skipped", None))
    yield from ((True, max(group.pairs, key=_shown)) for group in groups)
    yield from ((False, pair) for pair in pairs)


def _shown(pair: Pair) -> tuple[bool, int, int, float]:
    """Return a sort key for how much a pair has to show: claims first, then layers, then the effect size."""
    if pair.evidence is None:
        return not pair.absent, len(pair.results), 0, 0.0
    effect = pair.evidence.effect
    return not pair.absent, len(pair.results), effect.architecture.n_layers, effect.estimate.value
