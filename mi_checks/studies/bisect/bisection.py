"""A binary search in an ordered list for two neighbours between which an answer changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """The place where an answer turns.

    Attributes:
        before: the last index with the answer of the first end.
        after: the next index, which has the answer of the last end.
    """

    before: int
    after: int


def bisect(number: int, passes: Callable[[int], bool]) -> Change | None:
    """Evaluate both ends, then always the middle between two that differ: at most 2 + ⌈log₂(number − 1)⌉ times.

    Args:
        number: the length of the list, at least two.
        passes: returns the answer at an index; it is called at most once for each.

    Returns:
        One change, or one of several if there are more. None if both ends agree.
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
