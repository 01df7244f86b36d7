"""The rate at which a claim passes, from the verdicts of many runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.checks.verdict import Verdict
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.studies.calibration.rate import Rate, rate_of

ONE_SIDED = ALPHA / 2  # the nominal rate at which one side of an interval misses the true value


@dataclass(frozen=True)
class Row:
    """The false-positive rate of one claim under one null.

    Attributes:
        null: the null, which makes the claim false.
        kind: the kind of check.
        claim: the check's id; for `mediators` with the word that distinguishes its two claims.
        bound: the bound at the true value; empty if there is no single such value.
        passed: how often the claim passed with that bound.
        with_gap: the same, over the runs with an effect size above zero; None if the claim is not about a fraction.
        failed: how often the interval excluded the bound on the other side; None where that is not by chance alone.
        shipped: a bound that is typical of the bundled behaviours.
        as_shipped: how often the claim passed with that bound.
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
    """Return the rate of verdicts that pass; None without verdicts."""
    return rate_of((each.outcome == "pass" for each in verdicts), nominal) if verdicts else None


def fails(verdicts: Sequence[Verdict], nominal: float = ONE_SIDED) -> Rate | None:
    """Return the rate of verdicts that fail; None without verdicts."""
    return rate_of((each.outcome == "fail" for each in verdicts), nominal) if verdicts else None


def with_effect_size(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts with an estimate, whose effect size was above zero."""
    return [each for each in verdicts if each.estimate is not None]
