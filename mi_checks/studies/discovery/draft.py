"""A draft: entries of `checks`, and of `models` for one model, with the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mi_checks.stats.estimate import Estimate


class NotClaimed(Exception):
    """The reason why a discovered effect is not claimed."""


@dataclass(frozen=True)
class Line:
    """One entry of `checks`.

    Attributes:
        entry: the entry, as in a file.
        estimates: the estimates on the held-out prompts, each with a label, which is "" where it is obvious.
        note: further remarks.
        own: bounds that belong in this model's entry instead of in the check, by check id.
    """

    entry: Mapping[str, Any]
    estimates: tuple[tuple[str, Estimate], ...] = ()
    note: str = ""
    own: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True)
class Draft:
    """New content for `checks` and `models` of a behaviour file.

    Attributes:
        lines: the entries of `checks`.
        beside: whether they are added to the file's checks, instead of replacing them.
        model: the key of the model's entry.
        entry: the model's entry.
        left_out: the effects that were discovered but not claimed, with the reasons.
    """

    lines: tuple[Line, ...]
    beside: bool
    model: str
    entry: Mapping[str, Any]
    left_out: tuple[str, ...]
