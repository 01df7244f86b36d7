"""All of it: every kind of check in the runs that prove nothing, and every interval on effects that are known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mi_checks.output.progress import Bar, unseen
from mi_checks.studies.calibration.coverage import Coverage, intervals
from mi_checks.studies.calibration.nulls import (
    at_the_bound,
    fresh_models,
    random_answers,
    random_circuits,
    roles_by_chance,
)
from mi_checks.studies.calibration.rejections import Rejections, rejections
from mi_checks.studies.calibration.verdict_rows import Row

LEAST_DRAWS = 1000  # simulated effects cost little


@dataclass(frozen=True)
class Calibration:
    """What was counted.

    Attributes:
        runs: of every null.
        draws: of simulated effects.
        seed: of all that was drawn.
        rows: how often claims passed, by null and claim.
        coverage: how often intervals held the truth; empty where only some kinds of checks were asked for.
        rejections: how often tests rejected it, likewise.
    """

    runs: int
    draws: int
    seed: int
    rows: tuple[Row, ...]
    coverage: tuple[Coverage, ...] = ()
    rejections: tuple[Rejections, ...] = ()


def calibrate(runs: int = 200, seed: int = 0, kinds: Collection[str] = (), bar: Bar = unseen) -> Calibration:
    """Run it.

    Args:
        runs: of every null; half of them on either trained model.
        seed: of all that is drawn.
        kinds: of checks, of `calibrated_claims.KINDS`; none for all, and the simulated effects.
        bar: shows how far it is.
    """
    nulls = (fresh_models, roles_by_chance, random_answers, at_the_bound, random_circuits)
    rows = tuple(row for null in nulls for row in null(runs, seed, kinds, bar))
    if kinds:
        return Calibration(runs, 0, seed, rows)
    draws = max(LEAST_DRAWS, runs)
    return Calibration(runs, draws, seed, rows, intervals(draws, seed, bar=bar), rejections(draws, seed, bar=bar))
