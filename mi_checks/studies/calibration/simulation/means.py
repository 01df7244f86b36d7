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
    HEAVIER,
    LIMITED,
    STANDARD,
    USUAL,
    Draw,
    LimitedDistribution,
    Rng,
)

SIZES, LARGER_SIZES = (8, 16, 64, 256), (16, 64, 256)  # prompts


def mean_situations(sizes: Sequence[int] = SIZES) -> list[Situation]:
    """Return the situations of means of values without limits."""
    return [
        Situation(name, f"{n} prompts", n, partial(_of_values, draw, n))
        for name, draw in STANDARD.items()
        for n in sizes
    ]


def heavier_situations(sizes: Sequence[int] = LARGER_SIZES) -> list[Situation]:
    """Return the situations of which nothing is promised: heavier tails, and effects that are rare."""
    return [
        *(
            Situation(name, f"{n} prompts", n, partial(_of_values, draw, n))
            for name, draw in HEAVIER.items()
            for n in sizes
        ),
        *(Situation("exactly zero on 95 % of prompts", f"{n} prompts", n, partial(_of_rare_effects, n)) for n in sizes),
    ]


def limited_situations(sizes: Sequence[int] = SIZES) -> list[Situation]:
    """Return the situations of means of values within limits."""
    return [Situation(each.name, f"{n} prompts", n, partial(_of_limited, each, n)) for each in LIMITED for n in sizes]


def are_refused(values: Floats, design: SamplingDesign, *, limited: bool = False) -> Bools:
    """Return whether there is no interval, `estimate prompt` → `estimate`."""
    return np.array([each is not None for each in refusals(values, design, limited=limited)])


def _of_values(draw: Draw, n: int, rng: Rng, draws: int) -> Sample:
    values, design = draw(rng, (draws, n)), independent(n)
    return Sample(values, design, are_refused(values + USUAL, design))


def _of_rare_effects(n: int, rng: Rng, draws: int) -> Sample:
    """Draw values that are exactly zero on 95 % of prompts: a sample of zeros is taken for an effect of zero."""
    values, design = STANDARD["95 % alike"](rng, (draws, n)), independent(n)
    effects = np.where(values == values.min(), 0.0, values - values.min())
    return Sample(values, design, are_refused(effects, design))


def _of_limited(each: LimitedDistribution, n: int, rng: Rng, draws: int) -> Sample:
    values, design = each.draw(rng, (draws, n)), independent(n)
    limits = (each.limits[0] - each.truth, each.limits[1] - each.truth)
    refused = are_refused(values, design, limited=True)
    return Sample(values - each.truth, design, refused, limits, float(values.std()))
