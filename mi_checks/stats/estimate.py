"""Estimates as plain data: a value with its interval, the parts of a fraction, a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
ALPHA_PER_SIDE = ALPHA / 2
EFFECT_SIZE_NAME = "clean − corrupt"  # what a fraction recovered or removed is a fraction of
CIRCUIT_EFFECT_NAME = "m(M) − m(∅)"  # what a fraction that a circuit restores is a fraction of
PROPORTION = "fraction of prompts"  # the unit of a value that is yes or no for each prompt
Outcome = Literal["pass", "fail", "inconclusive", "error", "skipped"]


RefusalReason = Literal["few prompts", "few rows", "few different values", "few observations for the tests"]


@dataclass(frozen=True)
class Refusal:
    """Why no verdict may rest on an estimate: an interval from so little would not hold."""

    reason: RefusalReason
    have: Annotated[int, "how many there are: prompts, rows, or different values"]
    need: Annotated[
        int, "how many would do: prompts, or rows; with few different values, so many that enough are expected"
    ]
    factor: Annotated[str, 'the factor whose rows are too few or too alike; "" for prompts'] = ""
    tests: Annotated[int, "how many tests are corrected together"] = 1


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
    method: Annotated[str, 'how the interval was made, e.g. "exact Dirichlet test"']
    over: Annotated[str, "what there are n of"] = "prompts"
    clusters: Annotated[
        int | None,
        "the rows of the sampled factor that has the fewest, if prompts share rows; None: prompts are independent",
    ] = None
    clustered_by: Annotated[str, 'the name of that factor; "" if prompts are independent'] = ""
    refusal: Annotated[
        Refusal | None, "why there is no interval, so that no verdict rests on the value; low and high are the value"
    ] = None

    def lies_above(self, threshold: float) -> bool:
        """Return whether the whole interval lies above a threshold; without an interval it does not."""
        return self.refusal is None and self.low > threshold


@dataclass(frozen=True)
class Parts:
    """The two means of which a fraction is the ratio, so that a changed fraction can be attributed to one of them."""

    numerator: Annotated[Estimate | None, "what patching moves, in the score's unit; None: no effect to divide by"]
    denominator: Annotated[Estimate, "what there is to move, in the score's unit"]
    of: Annotated[str, 'what the denominator is called: "clean − corrupt", or of circuits "m(M) − m(∅)"']
