"""Distributions of values per prompt with known means, both realistic and adverse ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mi_checks.stats.floor import Floats

Rng = np.random.Generator
Draw = Callable[[Rng, tuple[int, int]], Floats]
RARE = 0.05  # the fraction of values that differ where 95 % are alike


def _lognormal(sigma: float) -> Draw:
    """Return draws of lognormal values with mean 0 and standard deviation 1."""
    mean = math.exp(sigma**2 / 2)
    spread = math.sqrt((math.exp(sigma**2) - 1) * math.exp(sigma**2))
    return lambda rng, size: (rng.lognormal(0, sigma, size) - mean) / spread


def _pareto(index: float) -> Draw:
    mean, variance = 1 / (index - 1), index / ((index - 1) ** 2 * (index - 2))
    return lambda rng, size: (rng.pareto(index, size) - mean) / math.sqrt(variance)


def _rare_and_far(rng: Rng, size: tuple[int, int]) -> Floats:
    """Draw normal values of which 2 % are 20 standard deviations away."""
    mean, variance = 0.02 * 20, 0.98 + 0.02 * 20**2 - (0.02 * 20) ** 2
    return (np.where(rng.random(size) < 0.02, 20.0, rng.normal(size=size)) - mean) / math.sqrt(variance)


RARE_SPREAD = math.sqrt(RARE * (1 - RARE))  # of values that are one on 95 % of prompts and zero on the others


def _zero_or_one(rng: Rng, size: tuple[int, int]) -> Floats:
    """Draw values that are the same on 95 % of prompts, and zero on the others."""
    return ((rng.random(size) >= RARE).astype(float) - (1 - RARE)) / RARE_SPREAD


def _far_from_usual(rng: Rng, size: tuple[int, int]) -> Floats:
    """Draw values that are the same on 95 % of prompts, and that exceed it by an exponential variable plus one."""
    spread = math.sqrt(RARE * 5 - (2 * RARE) ** 2)
    return (np.where(rng.random(size) < RARE, 1 + rng.exponential(1, size), 0.0) - 2 * RARE) / spread


ALIKE, FAR_FROM_USUAL = "95 % alike, the others 0", "95 % alike, the others far from them"
# Mean 0 and standard deviation 1; each is tested on both sides, so that each skewed one is skewed both ways.
STANDARD: Mapping[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
    "lognormal": _lognormal(1.0),
    "t, 3 degrees": lambda rng, size: rng.standard_t(3, size) / math.sqrt(3),
    ALIKE: _zero_or_one,
}
# Heavier tails than lognormal ones with σ = 1: a sample that lacks the tail cannot show it.
HEAVIER: Mapping[str, Draw] = {
    "lognormal, σ = 1.5": _lognormal(1.5),
    "lognormal, σ = 2": _lognormal(2.0),
    "Pareto, index 2.5": _pareto(2.5),
    "98 % normal, 2 % at 20 SD": _rare_and_far,
    FAR_FROM_USUAL: _far_from_usual,
}


@dataclass(frozen=True)
class LimitedDistribution:
    """A distribution of values within limits.

    Attributes:
        name: the distribution's name.
        truth: its mean.
        draw: takes a generator and a shape.
        limits: the smallest and the largest possible value.
    """

    name: str
    truth: float
    draw: Draw
    limits: tuple[float, float] = (0.0, 1.0)


def _differences(gains: float, losses: float) -> Draw:
    """Return draws of after − before of a proportion: 1 for a prompt that is gained, −1 for one that is lost."""

    def draw(rng: Rng, size: tuple[int, int]) -> Floats:
        drawn = rng.random(size)
        return (drawn < gains).astype(float) - ((drawn >= gains) & (drawn < gains + losses))

    return draw


LIMITED = (
    LimitedDistribution("attention near one: beta(5, 0.25)", 5 / 5.25, lambda rng, size: rng.beta(5, 0.25, size)),
    LimitedDistribution(
        "attention: 90 % are 0.99, 10 % uniform",
        0.9 * 0.99 + 0.05,
        lambda rng, size: np.where(rng.random(size) < 0.9, 0.99, rng.random(size)),
    ),
    LimitedDistribution("uniform", 0.5, lambda rng, size: rng.random(size)),
    LimitedDistribution("0 or 1: 50 % are 1", 0.5, lambda rng, size: (rng.random(size) < 0.5).astype(float)),
    LimitedDistribution("0 or 1: 95 % are 1", 0.95, lambda rng, size: (rng.random(size) < 0.95).astype(float)),
    LimitedDistribution("change of 0 or 1: 10 % up, 10 % down", 0.0, _differences(0.1, 0.1), (-1.0, 1.0)),
    LimitedDistribution("change of 0 or 1: 3 % down", -0.03, _differences(0.0, 0.03), (-1.0, 1.0)),
)
