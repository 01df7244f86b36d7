"""Rates over independent runs, and the false-positive rate of a claim from the verdicts of many runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import stats

from mi_checks.checks.verdict import Verdict
from mi_checks.stats.estimate import ALPHA

RateComparison = Literal["within", "above", "below"]
# the level of each test of a rate against its nominal rate; a report has about a hundred of them
DEVIATION_ALPHA = 0.001
ONE_SIDED_RATE = ALPHA / 2  # the nominal rate at which one side of an interval misses the true value


@dataclass(frozen=True)
class Rate:
    """How often an event happened.

    Attributes:
        hits: the number of times.
        runs: the number of runs.
        nominal: the probability that it should have, from 0 to 1.
    """

    hits: int
    runs: int
    nominal: float

    @property
    def fraction(self) -> float:
        """Return hits per run; 0 without runs."""
        return self.hits / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of Clopper & Pearson 1934, whose coverage is at least 95 % for every rate."""
        if not self.runs:
            return 0.0, 1.0
        ends = stats.binomtest(self.hits, self.runs).proportion_ci(0.95, method="exact")
        return float(ends.low), float(ends.high)

    @property
    def comparison(self) -> RateComparison:
        """Compare with the nominal rate by exact binomial tests: `within` binomial error, above or below."""
        if stats.binom.sf(self.hits - 1, self.runs, self.nominal) < DEVIATION_ALPHA:
            return "above"
        return "below" if stats.binom.cdf(self.hits, self.runs, self.nominal) < DEVIATION_ALPHA else "within"


def rate_of(outcomes: Iterable[bool], nominal: float) -> Rate:
    """Return the rate of an event, given one entry per run."""
    happened = list(outcomes)
    return Rate(sum(happened), len(happened), nominal)


@dataclass(frozen=True)
class ClaimRates:
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


def pass_rate(verdicts: Sequence[Verdict], nominal: float = ONE_SIDED_RATE) -> Rate | None:
    """Return the rate of verdicts that pass; None without verdicts."""
    return rate_of((each.outcome == "pass" for each in verdicts), nominal) if verdicts else None


def fail_rate(verdicts: Sequence[Verdict], nominal: float = ONE_SIDED_RATE) -> Rate | None:
    """Return the rate of verdicts that fail; None without verdicts."""
    return rate_of((each.outcome == "fail" for each in verdicts), nominal) if verdicts else None


def with_estimate(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Return the verdicts with an estimate, whose effect size was above zero."""
    return [each for each in verdicts if each.estimate is not None]
