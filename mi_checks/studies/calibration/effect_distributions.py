"""Distributions of per-prompt effects with a known true value, both realistic and adverse ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mi_checks.stats.floor import Floats

Rng = np.random.Generator
PROPORTIONS = (0.5, 0.85, 0.97)


@dataclass(frozen=True)
class EffectDistribution:
    """A distribution of per-prompt effects.

    Attributes:
        name: the distribution's name.
        truth: its mean.
        draw: takes a generator and a number of prompts and returns effects, `prompt`.
    """

    name: str
    truth: float
    draw: Callable[[Rng, int], Floats]


@dataclass(frozen=True)
class FractionDistribution:
    """A joint distribution of a whole and one or more parts of it.

    Attributes:
        name: the distribution's name.
        truth: the ratio of means; for several parts, the mean of the absolute values of their ratios.
        draw: takes a generator and a number of prompts and returns the parts, `part prompt`, and the whole, `prompt`.
    """

    name: str
    truth: float
    draw: Callable[[Rng, int], tuple[Floats, Floats]]


def _nearly_all_alike(rng: Rng, n: int) -> Floats:
    """Draw values like the attention of a head that attends to one position on all but one prompt in thirty."""
    return np.where(rng.random(n) < 1 / 30, rng.random(n), 1.0)


VALUE_DISTRIBUTIONS = (
    EffectDistribution("normal", 2.0, lambda rng, n: rng.normal(2, 3, n)),
    EffectDistribution("skewed: exponential", 1.0, lambda rng, n: rng.exponential(1, n)),
    EffectDistribution("very skewed: lognormal", math.exp(0.5), lambda rng, n: rng.lognormal(0, 1, n)),
    EffectDistribution("heavy tails: t, 3 degrees", 0.0, lambda rng, n: rng.standard_t(3, n)),
    EffectDistribution("nearly all alike", 1 - 1 / 60, _nearly_all_alike),
)


def _of_normal(mean: float, spread: float) -> Callable[[Rng, int], tuple[Floats, Floats]]:
    def draw(rng: Rng, n: int) -> tuple[Floats, Floats]:
        whole = rng.normal(mean, spread, n)
        return 0.4 * whole[None] + rng.normal(0, 1, (1, n)), whole

    return draw


def _of_skewed(rng: Rng, n: int) -> tuple[Floats, Floats]:
    whole = rng.lognormal(0, 1, n)
    return 0.8 * rng.random((1, n)) * whole, whole


FRACTION_DISTRIBUTIONS = (
    FractionDistribution("normal", 0.4, _of_normal(4, 2)),
    FractionDistribution("noisy whole: spread twice its mean", 0.4, _of_normal(1, 2)),
    FractionDistribution("very skewed: lognormal", 0.4, _of_skewed),
)


def _seven_parts(fraction: float) -> Callable[[Rng, int], tuple[Floats, Floats]]:
    def draw(rng: Rng, n: int) -> tuple[Floats, Floats]:
        whole = rng.normal(4, 2, n)
        signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])[:, None]
        return fraction * signs * whole + rng.normal(0, 1, (7, n)), whole

    return draw


MEAN_FRACTION_DISTRIBUTIONS = (
    FractionDistribution("7 parts, all far from zero", 0.4, _seven_parts(0.4)),
    FractionDistribution("7 parts, lost in the noise", 0.01, _seven_parts(0.01)),
)
