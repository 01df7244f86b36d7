"""Ratios of means, and families of them that Holm's method corrects together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.mean_tests import mean_p_values
from mi_checks.stats.refusals import too_few_for_family
from mi_checks.stats.sampling import independent
from mi_checks.studies.calibration.simulation.cells import Sample, Situation
from mi_checks.studies.calibration.simulation.distributions import FAR_FROM_USUAL, HEAVIER, STANDARD, Draw, Rng
from mi_checks.studies.calibration.simulation.means import LARGER_SIZES, are_refused

TRUTH = 0.5
SPREADS = (0.5, 2.0)  # standard deviations of the whole, as multiples of its mean
FAMILY_SIZES = (6, 96)  # tests
NOISES = ("normal", "exponential", "lognormal", "t, 3 degrees")


def ratio_situations(sizes: Sequence[int] = LARGER_SIZES) -> list[Situation]:
    """Return the situations of ratios of noisy parts and wholes, at the true ratio."""
    return [
        Situation(f"{name}; SD of the whole {spread:g} × its mean", f"{n} prompts", n, partial(_noisy, name, spread, n))
        for name in NOISES
        for spread in SPREADS
        for n in sizes
    ]


def rare_ratio_situations(sizes: Sequence[int] = LARGER_SIZES) -> list[Situation]:
    """Return the situations of a part that is the same fraction of the whole on most prompts; nothing is promised."""
    return [Situation("same fraction on 95 % of prompts", f"{n} prompts", n, partial(_rare, n)) for n in sizes]


def family_situations(sizes: Sequence[int] = LARGER_SIZES) -> list[Situation]:
    """Return the situations of families of tests, all at their bounds: any rejection is an error of the family."""
    return [
        Situation(f"{name}, {tests} tests", f"{n} prompts", n, partial(_family, STANDARD[name], tests, n), None, tests)
        for tests in FAMILY_SIZES
        for name in NOISES
        for n in sizes
    ]


def _noisy(name: str, spread: float, n: int, rng: Rng, draws: int) -> Sample:
    """Draw parts and wholes; draws without a significant effect size have no interval."""
    draw, design = STANDARD[name], independent(n)
    whole = 1 + spread * draw(rng, (draws, n))
    noise = draw(rng, (draws, n))
    no_effect = mean_p_values(whole, design) >= ALPHA_PER_SIDE
    return Sample(noise, design, no_effect)


def _rare(n: int, rng: Rng, draws: int) -> Sample:
    """Draw parts that are the same fraction of the whole on 95 % of prompts."""
    whole, design = rng.normal(4, 1, (draws, n)), independent(n)
    deviations = HEAVIER[FAR_FROM_USUAL](rng, (draws, n))
    return Sample(deviations * whole, design, are_refused(TRUTH + deviations, design), None, 4.1)


def _family(draw: Draw, tests: int, n: int, rng: Rng, draws: int) -> Sample:
    design = independent(n)
    refused = np.full(draws, too_few_for_family(design, tests) is not None)
    if refused.all():
        return Sample(np.zeros((draws * tests, n)), design, refused)
    return Sample(draw(rng, (draws * tests, n)), design, refused)
