"""The rate at which the tests in `mi_checks.stats` reject a true null hypothesis, on simulated effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.engine.readout import Floats
from mi_checks.output.progress import Progress, no_progress
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.p_values import holm, mean_p_value, ratio_p_values
from mi_checks.studies.calibration.coverage import SIZES
from mi_checks.studies.calibration.effect_shapes import VALUES, Rng
from mi_checks.studies.calibration.rate import Rate, rate_of
from mi_checks.studies.calibration.verdict_rows import ONE_SIDED

FAMILY_SIZE = 12  # nodes in a family of tests
Noise = Callable[[Rng, tuple[int, int]], Floats]
NOISES: Mapping[str, Noise] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "skewed upwards: exponential": lambda rng, size: rng.exponential(1, size) - 1,
    "skewed downwards: exponential": lambda rng, size: 1 - rng.exponential(1, size),
    "heavy tails: t, 3 degrees": lambda rng, size: rng.standard_t(3, size),
}


@dataclass(frozen=True)
class Rejections:
    """How often a test on n prompts rejected a true null hypothesis."""

    test: str
    values: str
    n: int
    rejected: Rate


def rejections(
    draws: int, seed: int, sizes: Sequence[int] = SIZES, progress: Progress = no_progress
) -> tuple[Rejections, ...]:
    """Return the rates of the t-test with a mean difference of zero, and of a family of fractions at their bound."""
    results: list[Rejections] = []
    for n in progress(sizes, len(sizes), "simulated tests"):
        for shape in VALUES:
            rng = np.random.default_rng((seed, n))
            wrong = [mean_p_value(shape.draw(rng, n) - shape.truth) < ALPHA for _ in range(draws)]
            results.append(Rejections("paired t-test, two-sided", shape.name, n, rate_of(wrong, ALPHA)))
        for name, noise in NOISES.items():
            rng = np.random.default_rng((seed, n))
            wrong = [family_rejects(rng, n, noise) for _ in range(draws)]
            test = f"any of {FAMILY_SIZE} shares above, one-sided, Holm"
            results.append(Rejections(test, name, n, rate_of(wrong, ONE_SIDED)))
    return tuple(sorted(results, key=lambda each: each.test))


def family_rejects(rng: Rng, n: int, noise: Noise) -> bool:
    """Return whether any of a family of fractions, all exactly at the bound, is called significantly above it."""
    whole = rng.normal(4, 1, n)
    above, _ = ratio_p_values(0.15 * whole + noise(rng, (FAMILY_SIZE, n)), whole, 0.15)
    return bool((holm(above) < ONE_SIDED).any())
