"""Means of independent prompts: without limits, within limits, and with tails that no interval holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from mi_checks.stats.floor import Floats
from mi_checks.stats.refusals import refusals
from mi_checks.stats.sampling import SamplingDesign, independent
from mi_checks.studies.calibration.simulation.cells import Bools, Sample, Situation
from mi_checks.studies.calibration.simulation.distributions import (
    ALIKE,
    FAR_FROM_USUAL,
    HEAVIER,
    LIMITED,
    RARE,
    RARE_SPREAD,
    STANDARD,
    LimitedDistribution,
    Rng,
)

SIZES, LARGER_SIZES = (8, 16, 64, 256), (16, 64, 256)  # prompts
USUAL_TRUTH = 0.3  # the mean of values, in standard deviations; it matters only where a sample may not vary at all
TRUTHS = {ALIKE: (1 - RARE) / RARE_SPREAD}


def mean_situations(sizes: Sequence[int] = SIZES) -> list[Situation]:
    """Return the situations of means of values without limits."""
    return [Situation(name, f"{n} prompts", n, partial(_of_values, name, n)) for name in STANDARD for n in sizes]


def heavier_situations(sizes: Sequence[int] = LARGER_SIZES) -> list[Situation]:
    """Return the situations of which nothing is promised: heavier tails, and effects that are rare."""
    return [
        *(Situation(name, f"{n} prompts", n, partial(_of_values, name, n)) for name in HEAVIER for n in sizes),
        *(Situation("exactly zero on 95 % of prompts", f"{n} prompts", n, partial(_of_rare_effects, n)) for n in sizes),
    ]


def limited_situations(sizes: Sequence[int] = SIZES) -> list[Situation]:
    """Return the situations of means of values within limits."""
    return [Situation(each.name, f"{n} prompts", n, partial(_of_limited, each, n)) for each in LIMITED for n in sizes]


def are_refused(values: Floats, design: SamplingDesign, *, limited: bool = False) -> Bools:
    """Return whether there is no interval, `estimate prompt` → `estimate`."""
    return np.array([each is not None for each in refusals(values, design, limited=limited)])


def _of_values(name: str, n: int, rng: Rng, draws: int) -> Sample:
    draw, truth, design = {**STANDARD, **HEAVIER}[name], TRUTHS.get(name, USUAL_TRUTH), independent(n)
    values = draw(rng, (draws, n))
    return Sample(values, design, are_refused(values + truth, design), truth=truth)


def _of_rare_effects(n: int, rng: Rng, draws: int) -> Sample:
    """Draw values that are exactly zero on 95 % of prompts: a sample of zeros is taken for an effect of zero."""
    values, design = HEAVIER[FAR_FROM_USUAL](rng, (draws, n)), independent(n)
    usual = float(values.min())
    return Sample(values, design, are_refused(values - usual, design), truth=-usual)


def _of_limited(each: LimitedDistribution, n: int, rng: Rng, draws: int) -> Sample:
    values, design = each.draw(rng, (draws, n)), independent(n)
    limits = (each.limits[0] - each.truth, each.limits[1] - each.truth)
    refused = are_refused(values, design, limited=True)
    return Sample(values - each.truth, design, refused, limits, float(values.std()))
