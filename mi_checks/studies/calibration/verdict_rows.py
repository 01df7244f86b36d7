"""Verdicts of many runs on one claim → how often it passed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.checks.verdict import Verdict
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.studies.calibration.rate import Rate, rate_of

ONE_SIDED = ALPHA / 2  # what one side of an interval leaves out


@dataclass(frozen=True)
class Row:
    """How often a claim passed where it is not so.

    Attributes:
        null: why it is not.
        kind: of the check.
        claim: its id, and of `mediators` what it claims.
        bound: at the value that the effect has; empty where no one value is that.
        passed: how often it passed, held to that.
        with_gap: the same, of the runs with something to share; None where the claim is of no share.
        failed: how often the other side of the interval left the bound out; None where that is not by chance alone.
        shipped: the bound that behaviours typically have.
        as_shipped: how often it passed, held to that.
    """

    null: str
    kind: str
    claim: str
    bound: str
    passed: Rate | None = None
    with_gap: Rate | None = None
    failed: Rate | None = None
    shipped: str = ""
    as_shipped: Rate | None = None


def passes(verdicts: Sequence[Verdict], nominal: float = ONE_SIDED) -> Rate | None:
    """How many passed; None of none."""
    return rate_of((each.outcome == "pass" for each in verdicts), nominal) if verdicts else None


def fails(verdicts: Sequence[Verdict], nominal: float = ONE_SIDED) -> Rate | None:
    """How many surely failed; None of none."""
    return rate_of((each.outcome == "fail" for each in verdicts), nominal) if verdicts else None


def with_gap(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that had something to share."""
    return [each for each in verdicts if each.estimate is not None]
