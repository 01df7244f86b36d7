"""A rate among so many independent runs, and whether it is the nominal one but for chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scipy import stats

Beside = Literal["within", "above", "below"]
CHANCE = 0.001  # of calling a rate above, or below, that is nominal: some hundred rates stand in one report


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        hits: how often.
        runs: of how many runs.
        nominal: the probability that it should have, from 0 to 1.
    """

    hits: int
    runs: int
    nominal: float

    @property
    def share(self) -> float:
        """Hits per run; 0 where there was no run."""
        return self.hits / self.runs if self.runs else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of Clopper & Pearson 1934, which covers at least so often whatever the rate."""
        if not self.runs:
            return 0.0, 1.0
        found = stats.binomtest(self.hits, self.runs).proportion_ci(0.95, method="exact")
        return float(found.low), float(found.high)

    @property
    def beside(self) -> Beside:
        """Beside the nominal rate, by exact binomial tests: `within` binomial error of it, above or below."""
        if stats.binom.sf(self.hits - 1, self.runs, self.nominal) < CHANCE:
            return "above"
        return "below" if stats.binom.cdf(self.hits, self.runs, self.nominal) < CHANCE else "within"


def rate_of(happened: Iterable[bool], nominal: float) -> Rate:
    """One entry for each run."""
    found = list(happened)
    return Rate(sum(found), len(found), nominal)
