"""An ordered list, two ends that differ → the two neighbours between which it changes, asking as few as it can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """Where an answer turns.

    Attributes:
        before: the last place with the first end's answer.
        after: the next place, which has the last end's.
    """

    before: int
    after: int


def bisect(number: int, passes: Callable[[int], bool]) -> Change | None:
    """Ask both ends, then always the middle between two that differ: 2 + ⌈log₂(number − 1)⌉ questions at most.

    Args:
        number: how many places there are, at least two.
        passes: the answer at a place; each is asked once.

    Returns:
        One change; where there are several, one of them. None where both ends agree.
    """
    first, last = 0, number - 1
    begins = passes(first)
    if passes(last) == begins:
        return None
    while last - first > 1:
        middle = (first + last) // 2
        if passes(middle) == begins:
            first = middle
        else:
            last = middle
    return Change(first, last)
