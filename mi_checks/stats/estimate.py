"""Estimates as plain data: a value with its interval, the parts of a fraction, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

EFFECT_SIZE_NAME = "clean − corrupt"  # what a fraction recovered or removed is a fraction of
CIRCUIT_EFFECT_NAME = "m(M) − m(∅)"  # what a fraction that a circuit restores is a fraction of
PROPORTION = "fraction of prompts"  # the unit of a value that is yes or no for each prompt
Outcome = Literal["pass", "fail", "inconclusive", "error", "skipped"]


@dataclass(frozen=True)
class Estimate:
    """A measured value with its 95 % confidence interval, usually over prompts."""

    value: float
    low: float
    high: float
    n: int
    unit: Annotated[
        str, '"logits", "fraction of clean − corrupt", "fraction of prompts", "attention probability", "nodes"'
    ]
    method: Annotated[str, 'how the interval was made, e.g. "bootstrap of the ratio of means"']
    over: Annotated[str, "what there are n of"] = "prompts"


@dataclass(frozen=True)
class Parts:
    """The two means of which a fraction is the ratio, so that a changed fraction can be attributed to one of them."""

    numerator: Annotated[Estimate | None, "what patching moves, in the score's unit; None: no effect to divide by"]
    denominator: Annotated[Estimate, "what there is to move, in the score's unit"]
    of: Annotated[str, 'what the denominator is called: "clean − corrupt", or of circuits "m(M) − m(∅)"']
