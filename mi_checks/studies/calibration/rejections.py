"""How often the tests of `mi_checks.stats` reject what is so, on simulated effects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.engine.base_run import Floats
from mi_checks.output.progress import Bar, unseen
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.p_values import holm, mean_p_value, ratio_p_values
from mi_checks.studies.calibration.coverage import SIZES
from mi_checks.studies.calibration.effect_shapes import VALUES, Rng
from mi_checks.studies.calibration.rate import Rate, rate_of
from mi_checks.studies.calibration.verdict_rows import ONE_SIDED

FAMILY = 12  # nodes of a family of tests
Noise = Callable[[Rng, tuple[int, int]], Floats]
NOISES: Mapping[str, Noise] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "skewed upwards: exponential": lambda rng, size: rng.exponential(1, size) - 1,
    "skewed downwards: exponential": lambda rng, size: 1 - rng.exponential(1, size),
    "heavy tails: t, 3 degrees": lambda rng, size: rng.standard_t(3, size),
}


@dataclass(frozen=True)
class Rejections:
    """How often a test rejected what is so, of n prompts."""

    test: str
    values: str
    n: int
    rejected: Rate


def rejections(draws: int, seed: int, sizes: Sequence[int] = SIZES, bar: Bar = unseen) -> tuple[Rejections, ...]:
    """The t-test of differences whose mean is zero, and a family of shares that all are what they are tested for."""
    found: list[Rejections] = []
    for n in bar(sizes, "simulated tests"):
        for shape in VALUES:
            rng = np.random.default_rng((seed, n))
            wrong = [mean_p_value(shape.draw(rng, n) - shape.truth) < ALPHA for _ in range(draws)]
            found.append(Rejections("paired t-test, two-sided", shape.name, n, rate_of(wrong, ALPHA)))
        for name, noise in NOISES.items():
            rng = np.random.default_rng((seed, n))
            wrong = [family_rejects(rng, n, noise) for _ in range(draws)]
            test = f"any of {FAMILY} shares above, one-sided, Holm"
            found.append(Rejections(test, name, n, rate_of(wrong, ONE_SIDED)))
    return tuple(sorted(found, key=lambda each: each.test))


def family_rejects(rng: Rng, n: int, noise: Noise) -> bool:
    """Whether any of a family of shares that are exactly at the bound is found above it."""
    whole = rng.normal(4, 1, n)
    above, _ = ratio_p_values(0.15 * whole + noise(rng, (FAMILY, n)), whole, 0.15)
    return bool((holm(above) < ONE_SIDED).any())
