"""Changes between two measurements: the tests by which `compare.paired_change` judges them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mi_checks.stats.estimate import ALPHA, ALPHA_PER_SIDE, Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_ends import mean_ends
from mi_checks.stats.mean_tests import Limits, equivalence_p_value, mean_beyond_p_value
from mi_checks.stats.p_values import independent_difference
from mi_checks.stats.sampling import independent
from mi_checks.studies.calibration.simulation.cells import Cell, promised_error, random_generator
from mi_checks.studies.calibration.simulation.distributions import STANDARD, Rng

SIZES = (16, 64, 256)  # prompts
SHAPES = ("normal", "exponential", "lognormal")
MARGIN = 0.5  # standard deviations of the differences
GAIN_AND_LOSS = ((0.15, 0.05), (0.12, 0.0))  # fractions of prompts that turn to yes, and to no


@dataclass(frozen=True)
class ChangeSituation:
    """Two measurements whose true means differ by a margin, or not at all, and how they are judged.

    Attributes:
        values: a description of the differences and of the judgement.
        n: the number of prompts.
        errs: takes a generator and a number of draws and returns how often a rise, and a fall, is judged wrongly.
    """

    values: str
    n: int
    errs: Callable[[Rng, int], tuple[int, int]]


def change_situations() -> list[ChangeSituation]:
    """Return all situations."""
    of_proportions = [(f"{100 * up:g} % of prompts up, {100 * down:g} % down", up, down) for up, down in GAIN_AND_LOSS]
    return [
        *(
            ChangeSituation(f"{name}: more than the margin", n, partial(_changes, name, n))
            for name in SHAPES
            for n in SIZES
        ),
        *(
            ChangeSituation(f"0 or 1, {name}: more than the margin", n, partial(_flips, up, down, n))
            for name, up, down in of_proportions
            for n in SIZES
        ),
        *(
            ChangeSituation(f"{name}: within the margin", n, partial(_equivalences, name, n))
            for name in SHAPES
            for n in SIZES
        ),
        *(
            ChangeSituation(f"{name}: two intervals, of other prompts", n, partial(_of_intervals, name, n))
            for name in SHAPES
            for n in SIZES
        ),
    ]


def measure_change(situation: ChangeSituation, draws: int, seed: int) -> Cell:
    """Return how often a change is judged wrongly, on either side."""
    above, below = situation.errs(random_generator(seed, situation.n, situation.values), draws)
    sample = f"{situation.n} prompts"
    return Cell(situation.values, sample, draws, 0, above, below, promised_error(situation.n, None))


def _changes(name: str, n: int, rng: Rng, draws: int) -> tuple[int, int]:
    """Count rises by exactly the margin that are called larger: of differences skewed upwards, and downwards."""
    noise = STANDARD[name](rng, (draws, n))
    above, below = (sum(is_larger_rise(each + MARGIN, MARGIN) for each in signed) for signed in (noise, -noise))
    return above, below


def _flips(up: float, down: float, n: int, rng: Rng, draws: int) -> tuple[int, int]:
    """Count rises of a proportion by exactly the margin that are called larger."""
    drawn = rng.random((draws, n))
    turned = (drawn < up).astype(float) - ((drawn >= up) & (drawn < up + down))
    return sum(is_larger_rise(each, up - down, (-1.0, 1.0)) for each in turned), 0


def is_larger_rise(differences: Floats, margin: float, limits: Limits | None = None) -> bool:
    """Return whether a mean difference is called larger than a margin, `prompt`."""
    p_value = mean_beyond_p_value(differences, margin, independent(len(differences)), limits)
    return p_value < ALPHA and float(differences.mean()) > 0


def _equivalences(name: str, n: int, rng: Rng, draws: int) -> tuple[int, int]:
    """Count rises by exactly the margin that are called equivalent: of differences skewed upwards, and downwards."""
    noise, design = STANDARD[name](rng, (draws, n)), independent(n)
    above, below = (
        sum(equivalence_p_value(each + MARGIN, MARGIN, design) < ALPHA_PER_SIDE for each in signed)
        for signed in (noise, -noise)
    )
    return above, below


def _of_intervals(name: str, n: int, rng: Rng, draws: int) -> tuple[int, int]:
    """Count intervals of the same true mean that are called different; they are of independent samples."""
    estimates = []
    for _ in range(2):
        values = STANDARD[name](rng, (draws, n))
        low, high = mean_ends(values, independent(n))
        ends = zip(values.mean(1).tolist(), low.tolist(), high.tolist(), strict=True)
        estimates.append([Estimate(*each, n, "logits", "") for each in ends])
    counts = [0, 0]
    for before, after in zip(*estimates, strict=True):
        change, p_value = independent_difference(before, after)
        if p_value < ALPHA:
            counts[int(change.value < 0)] += 1
    return counts[0], counts[1]
