"""Which of two things came first, as far as the checkpoints can tell."""

from __future__ import annotations

from typing import Literal

from mi_checks.studies.emergence.bracket import Bracket

Order = Literal["before", "before or with", "with", "with or after", "after", "cannot tell"]


def order(one: Bracket, other: Bracket) -> Order:
    """When one happened, seen from the other.

    `before` and `after` where a checkpoint lies between; `with` where both are told to the same two checkpoints;
    `before or with` where they overlap, and neither end of the one is later than the other's.
    """
    (start, end), (other_start, other_end) = _ends(one), _ends(other)
    if end <= other_start:
        return "before"
    if start >= other_end:
        return "after"
    if (start, end) == (other_start, other_end):
        return "with"
    if start <= other_start and end <= other_end:
        return "before or with"
    if start >= other_start and end >= other_end:
        return "with or after"
    return "cannot tell"


def _ends(bracket: Bracket) -> tuple[int, int]:
    return -1 if bracket.after is None else bracket.after, bracket.by
