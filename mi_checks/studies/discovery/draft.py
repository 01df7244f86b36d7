"""A draft: entries of `checks`, and of `models` for one model, with the evidence of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mi_checks.stats.estimate import Estimate


class NotClaimed(Exception):
    """Why something that was found is not claimed."""


@dataclass(frozen=True)
class Line:
    """One entry of `checks`.

    Attributes:
        entry: the entry, as in a file.
        estimates: what was measured on the held-out prompts, each with what it is of, where that needs saying.
        note: what else there is to say.
        own: bounds of this model that stand in its entry, by check id, and not in this one.
    """

    entry: Mapping[str, Any]
    estimates: tuple[tuple[str, Estimate], ...] = ()
    note: str = ""
    own: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True)
class Draft:
    """What may stand under `checks` and `models` of a behaviour file.

    Attributes:
        lines: the entries of `checks`.
        beside: whether they are to be added to the file's checks, or stand in their place.
        model: the key of the model's entry.
        entry: the model's entry.
        left_out: what was found and is not claimed, and why.
    """

    lines: tuple[Line, ...]
    beside: bool
    model: str
    entry: Mapping[str, Any]
    left_out: tuple[str, ...]
