"""A rate over independent runs, and whether it agrees with the nominal rate up to chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Beside = Literal["within", "above", "below"]
CHANCE = 0.001  # the probability that a nominal rate is called too high, or too low; a report has about a hundred rates


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
    def share(self) -> float:
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
    def beside(self) -> Beside:
        """Compare with the nominal rate by exact binomial tests: `within` binomial error, above or below."""
        if stats.binom.sf(self.hits - 1, self.runs, self.nominal) < CHANCE:
            return "above"
        return "below" if stats.binom.cdf(self.hits, self.runs, self.nominal) < CHANCE else "within"


def rate_of(happened: Iterable[bool], nominal: float) -> Rate:
    """Return the rate of an event, given one entry per run."""
    outcomes = list(happened)
    return Rate(sum(outcomes), len(outcomes), nominal)
