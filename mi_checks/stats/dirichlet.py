"""The exact distribution of Dirichlet-weighted sums, on which every test of a mean rests."""

from __future__ import annotations

import math

import numpy as np

from mi_checks.stats.floor import Floats

# The integral: steps of the substitution y = scale · sinh(x), and the relative size of the terms to leave out.
STEP, LAST_STEP, NEGLIGIBLE = 0.2, 60, 1e-9
NEWTON_STEPS = 30
TERMS_AT_ONCE = 2_000_000  # test × observation; more exceed the processor's caches


def weighted_sum_below_zero(terms: Floats, added: Floats) -> Floats:
    """Return P(Σ W · term ≤ 0) for Dirichlet(1, …, 1) weights W of the observations and an added one, `test`.

    A Dirichlet(1, …, 1) vector is a vector of standard exponential variables over its positive sum, so the weights may
    as well be exponential. The probability is then the inverse Laplace transform (1/2πi) ∫ exp(K(s)) / s ds, with K(s)
    = −Σ log(1 − s · term), along a hyperbola through the saddlepoint K'(s) = 0, near the path of steepest descent
    (Imhof 1961, Biometrika 48; Daniels 1987; Weideman & Trefethen 2007). Its absolute error is below 1e-6; nothing is
    drawn at random.

    Args:
        terms: `test observation`.
        added: the added observation, `test`.

    Returns:
        The probabilities, `test`; 1 where no term is positive, otherwise 0 where none is negative.
    """
    at_once = max(1, TERMS_AT_ONCE // (terms.shape[1] + 1))
    if len(terms) > at_once:
        parts = range(0, len(terms), at_once)
        return np.concatenate([weighted_sum_below_zero(terms[i : i + at_once], added[i : i + at_once]) for i in parts])
    every = np.concatenate([terms, added[:, None]], axis=1)
    scale = np.abs(every).max(1)
    every = every / np.where(scale > 0, scale, 1.0)[:, None]
    highest, lowest = every.max(1), every.min(1)
    below = np.where(highest <= 0, 1.0, 0.0)
    rows = np.flatnonzero((highest > 0) & (lowest < 0))
    if len(rows):
        below[rows] = _contour_integral(every[rows])
    return below


def _saddlepoint(terms: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the saddlepoint of K, its scale 1/√K″ there and K‴ / K″^1.5, each `test`, of `test observation`."""
    left, right = (1 - 1e-9) / terms.min(1), (1 - 1e-9) / terms.max(1)
    point = np.zeros(len(terms))
    is_moving = np.ones(len(terms), dtype=bool)  # no row may depend on which others are computed with it
    for _ in range(NEWTON_STEPS):
        ratio = terms / (1 - point[:, None] * terms)
        slope, curvature = ratio.sum(1), (ratio * ratio).sum(1)
        right, left = np.where(slope > 0, point, right), np.where(slope <= 0, point, left)
        step = -slope / curvature
        inside = (point + step >= left) & (point + step <= right)  # a step may be too small to move the point
        point = np.where(is_moving, np.where(inside, point + step, (left + right) / 2), point)
        is_moving &= np.abs(step) * np.sqrt(curvature) >= 0.01  # any point near it serves
        if not is_moving.any():
            break
    ratio = terms / (1 - point[:, None] * terms)
    curvature = (ratio * ratio).sum(1)
    return point, 1 / np.sqrt(curvature), 2 * (ratio**3).sum(1) / curvature**1.5


def _contour_integral(terms: Floats) -> Floats:
    """Return the integral of `weighted_sum_below_zero`, `test`, for terms of both signs, `test observation`."""
    saddlepoint, scale, skewness = _saddlepoint(terms)
    # Keep off the pole at zero, by at most half of the distance to the branch point on that side.
    branch = np.where(saddlepoint < 0, 1 / terms.min(1), 1 / terms.max(1))
    clearance = np.minimum(0.5 * scale, 0.5 * np.abs(branch))
    start = np.where(np.abs(saddlepoint) < clearance, np.sign(branch) * clearance, saddlepoint)
    bend = np.clip(skewness / 3, -1.0, 1.0)  # the direction of steepest descent, to second order
    at_start = 1 - start[:, None] * terms
    slopes = terms / at_start
    level = np.exp(-np.log(at_start).sum(1)) * STEP / math.pi
    total = np.zeros(len(terms))
    is_growing = np.ones(len(terms), dtype=bool)
    for k in range(LAST_STEP):
        x = STEP * (k + 0.5)
        move = scale * (bend * (math.cosh(x) - 1) + 1j * math.sinh(x))
        with np.errstate(all="ignore"):
            transform = 1 / np.multiply.reduce(1 - move[:, None] * slopes, axis=1)
        transform = np.where(np.isfinite(transform), transform, 0)  # the product overflows where the rest is negligible
        term = level * transform / (start + move) * scale * (bend * math.sinh(x) + 1j * math.cosh(x))
        total += np.where(is_growing, term.imag, 0.0)
        is_growing &= np.abs(term) > NEGLIGIBLE * np.abs(total)
        if not is_growing.any():
            break
    return np.clip(np.where(start > 0, 1 - total, -total), 0.0, 1.0)
