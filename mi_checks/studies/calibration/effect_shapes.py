"""Distributions of per-prompt effects whose truth is known, as prompts give them and worse."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mi_checks.engine.base_run import Floats

Rng = np.random.Generator


@dataclass(frozen=True)
class Values:
    """Effects of prompts. `draw`: generator, prompts → `prompt`; `truth`: their mean."""

    name: str
    truth: float
    draw: Callable[[Rng, int], Floats]


@dataclass(frozen=True)
class Shares:
    """Parts of a whole. `draw`: generator, prompts → parts `part prompt`, whole `prompt`.

    Attributes:
        truth: the ratio of means; of several parts the mean of their ratios' absolute values.
    """

    name: str
    truth: float
    draw: Callable[[Rng, int], tuple[Floats, Floats]]


def _nearly_all_alike(rng: Rng, n: int) -> Floats:
    """As a head that always looks to one place, but for a prompt in thirty."""
    return np.where(rng.random(n) < 1 / 30, rng.random(n), 1.0)


VALUES = (
    Values("normal", 2.0, lambda rng, n: rng.normal(2, 3, n)),
    Values("skewed: exponential", 1.0, lambda rng, n: rng.exponential(1, n)),
    Values("very skewed: lognormal", math.exp(0.5), lambda rng, n: rng.lognormal(0, 1, n)),
    Values("heavy tails: t, 3 degrees", 0.0, lambda rng, n: rng.standard_t(3, n)),
    Values("nearly all alike", 1 - 1 / 60, _nearly_all_alike),
)


def _of_normal(mean: float, spread: float) -> Callable[[Rng, int], tuple[Floats, Floats]]:
    def draw(rng: Rng, n: int) -> tuple[Floats, Floats]:
        whole = rng.normal(mean, spread, n)
        return 0.4 * whole[None] + rng.normal(0, 1, (1, n)), whole

    return draw


def _of_skewed(rng: Rng, n: int) -> tuple[Floats, Floats]:
    whole = rng.lognormal(0, 1, n)
    return 0.8 * rng.random((1, n)) * whole, whole


RATIOS = (
    Shares("normal", 0.4, _of_normal(4, 2)),
    Shares("noisy whole: spread twice its mean", 0.4, _of_normal(1, 2)),
    Shares("very skewed: lognormal", 0.4, _of_skewed),
)


def _parts(share: float) -> Callable[[Rng, int], tuple[Floats, Floats]]:
    def draw(rng: Rng, n: int) -> tuple[Floats, Floats]:
        whole = rng.normal(4, 2, n)
        signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])[:, None]
        return share * signs * whole + rng.normal(0, 1, (7, n)), whole

    return draw


AREAS = (
    Shares("7 parts, all far from zero", 0.4, _parts(0.4)),
    Shares("7 parts, lost in the noise", 0.01, _parts(0.01)),
)

PROPORTIONS = (0.5, 0.85, 0.97)
