"""The whole calibration: every kind of check under the nulls, and every test on simulated samples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mi_checks.output.progress import Progress, no_progress
from mi_checks.studies.calibration.false_positive_rates import ClaimRates
from mi_checks.studies.calibration.nulls import (
    measure_at_the_bound,
    measure_fresh_models,
    measure_random_answers,
    measure_random_circuits,
    measure_roles_by_chance,
)
from mi_checks.studies.calibration.simulation.all_tables import CellTable, measure_tables

DRAWS_PER_RUN = 10  # draws of a simulated sample are much cheaper than runs of checks


@dataclass(frozen=True)
class Calibration:
    """The counts of a calibration.

    Attributes:
        runs: the number of runs of each null.
        draws: the number of draws of each simulated sample; 0 if only some kinds were selected.
        seed: the seed of all random draws.
        rows: how often claims passed, by null and claim.
        tables: how often tests of simulated samples erred; empty if only some kinds of checks were selected.
    """

    runs: int
    draws: int
    seed: int
    rows: tuple[ClaimRates, ...]
    tables: tuple[CellTable, ...] = ()


def calibrate(
    runs: int = 200, seed: int = 0, kinds: Collection[str] = (), progress: Progress = no_progress
) -> Calibration:
    """Run the calibration.

    Args:
        runs: the number of runs of each null; the trained models are used in rotation. Simulated samples have ten times
            as many draws.
        seed: the seed of all random draws.
        kinds: the kinds of checks, out of `calibrated_claims.CALIBRATED_KINDS`; samples are simulated only if none are
            selected.
        progress: shows the progress.
    """
    nulls = (
        measure_fresh_models,
        measure_roles_by_chance,
        measure_random_answers,
        measure_at_the_bound,
        measure_random_circuits,
    )
    claim_rates = tuple(row for null in nulls for row in null(runs, seed, kinds, progress))
    if kinds:
        return Calibration(runs, 0, seed, claim_rates)
    draws = DRAWS_PER_RUN * runs
    return Calibration(runs, draws, seed, claim_rates, measure_tables(draws, seed, progress))
