"""The exact distribution of Dirichlet-weighted sums, on which every test of a mean rests."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import betainc  # scipy.stats takes a second to import

from mi_checks.stats.floor import Floats

# The integral, over the substitution y = scale · sinh(x): steps per distance from the nearest pole and the longest one,
# steps that are evaluated together, at most so many, and the relative size of the terms to leave out.
STEPS_PER_DISTANCE, MAX_STEP, BLOCK_STEPS, MAX_STEPS, NEGLIGIBLE = 3.0, 0.35, 8, 64, 1e-9
NEWTON_STEPS, NEWTON_TOLERANCE = 30, 0.1  # of the saddlepoint's scale; any point near it serves
TERMS_AT_ONCE = 32_768  # test × observation; more exceed the processor's caches
GROUP = 4  # observations whose factors are multiplied as polynomials; a power of two

Complex = npt.NDArray[np.complex128]


def weighted_sum_below_zero(terms: Floats, added: Floats) -> Floats:
    """Return P(Σ W · term ≤ 0) for Dirichlet(1, …, 1) weights W of the observations and an added one, `test`.

    A Dirichlet(1, …, 1) vector is a vector of standard exponential variables over its positive sum, so the weights may
    as well be exponential. The probability is then the inverse Laplace transform (1/2πi) ∫ exp(K(s)) / s ds, with K(s)
    = −Σ log(1 − s · term), along a hyperbola through the saddlepoint K'(s) = 0, near the path of steepest descent
    (Imhof 1961, Biometrika 48; Daniels 1987; Weideman & Trefethen 2007). Its absolute error is below 1e-6; nothing is
    drawn at random. If there are only two different terms, it is a beta distribution. No test depends on which others
    are computed with it.

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
    highest, lowest = every.max(1), every.min(1)
    below = np.where(highest <= 0, 1.0, 0.0)
    is_open = (highest > 0) & (lowest < 0)
    is_highest = every == highest[:, None]
    is_twofold = is_open & (is_highest | (every == lowest[:, None])).all(1)
    if is_twofold.any():
        number, high, low = is_highest[is_twofold].sum(1), highest[is_twofold], lowest[is_twofold]
        below[is_twofold] = betainc(number, every.shape[1] - number, -low / (high - low))
    rows = is_open & ~is_twofold
    if rows.any():
        scale = np.maximum(highest, -lowest)[rows, None]
        below[rows] = _contour_integral(every[rows] / scale)
    return below


def _saddlepoint(terms: Floats, leftmost: Floats, rightmost: Floats) -> tuple[Floats, Floats]:
    """Return a point near the saddlepoint of K and the scale 1/√K″ there, each `test`, of `test observation`.

    Args:
        terms: `test observation`.
        leftmost: the largest negative pole of exp(K), `test`.
        rightmost: its smallest positive pole, `test`.
    """
    left, right = (1 - 1e-9) * leftmost, (1 - 1e-9) * rightmost
    point, scale = np.zeros(len(terms)), np.ones(len(terms))
    moving = np.arange(len(terms))
    for _ in range(NEWTON_STEPS):
        at = point[moving]
        of = terms if len(moving) == len(terms) else terms[moving]
        ratio = of / (1 - at[:, None] * of)
        slope, curvature = ratio.sum(1), np.einsum("ij,ij->i", ratio, ratio)
        scale[moving] = 1 / np.sqrt(curvature)
        low, high = np.where(slope <= 0, at, left[moving]), np.where(slope > 0, at, right[moving])
        left[moving], right[moving] = low, high
        step = -slope / curvature
        inside = (at + step >= low) & (at + step <= high)  # a step may be too small to move the point
        point[moving] = np.where(inside, at + step, (low + high) / 2)
        moving = moving[~inside | (np.abs(step) >= NEWTON_TOLERANCE * scale[moving])]
        if not len(moving):
            break
    return point, scale


def _contour_integral(terms: Floats) -> Floats:
    """Return the integral of `weighted_sum_below_zero`, `test`, for terms of both signs, `test observation`."""
    leftmost, rightmost = 1 / terms.min(1), 1 / terms.max(1)
    start, scale = _saddlepoint(terms, leftmost, rightmost)
    # Keep off the pole at zero, by at most half of the distance to the pole of exp(K) on that side.
    outward = np.where(start < 0, leftmost, rightmost)
    clearance = np.minimum(0.5 * scale, 0.5 * np.abs(outward))
    start = np.where(np.abs(start) < clearance, np.sign(outward) * clearance, start)
    at_start = 1 - start[:, None] * terms
    slopes = terms / at_start
    squares = slopes * slopes
    curvature = squares.sum(1)
    scale = 1 / np.sqrt(curvature)
    skewness = 2 * np.einsum("ij,ij->i", squares, slopes) / curvature**1.5
    bend = np.minimum(np.maximum(skewness / 3, -1.0), 1.0)  # the direction of steepest descent, to second order
    poles = (np.stack([np.zeros(len(start)), leftmost, rightmost]) - start) / scale
    step = np.minimum(_distance(poles, bend).min(0) / STEPS_PER_DISTANCE, MAX_STEP)
    level = np.exp(-np.log(at_start).sum(1)) * step / math.pi
    polynomials = _polynomials(slopes * scale[:, None])
    total = np.zeros(len(terms))
    growing = np.arange(len(terms))
    for first in range(0, MAX_STEPS, BLOCK_STEPS):
        x = step[growing, None] * (np.arange(first, first + BLOCK_STEPS) + 0.5)
        cosh, sinh, turned = np.cosh(x), np.sinh(x), bend[growing, None]
        move = turned * (cosh - 1) + 1j * sinh
        transform = _reciprocal_product(polynomials if len(growing) == len(terms) else polynomials[growing], move)
        path = (start / scale)[growing, None] + move
        found = level[growing, None] * transform / path * (turned * sinh + 1j * cosh)
        total[growing] += found.imag.sum(1)
        growing = growing[np.abs(found[:, -1]) > NEGLIGIBLE * np.abs(total[growing])]
        if not len(growing):
            break
    return np.minimum(np.maximum(np.where(start > 0, 1 - total, -total), 0.0), 1.0)


def _distance(poles: Floats, bend: Floats) -> Floats:
    """Return how far from the real axis x lies where bend · (cosh x − 1) + i · sinh x is a pole, `… test`."""
    root = np.sqrt(1 + bend * bend)
    turned = np.arcsin(np.minimum(np.maximum((poles + bend) / root, -1.0), 1.0))
    return np.asarray(np.abs(turned - np.arctan(bend)))


def _polynomials(slopes: Floats) -> Floats:
    """Return products of 1 − z · slope over groups, as coefficients of powers of z, `test group power`.

    Args:
        slopes: `test observation`.
    """
    groups = -(-slopes.shape[1] // GROUP)
    padded = np.zeros((len(slopes), GROUP * groups))
    padded[:, : slopes.shape[1]] = -slopes
    found = [padded]  # the coefficients of 1 are left out: all are 1
    while len(found) < GROUP:
        half = found[0].shape[1] // 2
        degree = len(found)
        a, b = [each[:, :half] for each in found], [each[:, half:] for each in found]
        product = []
        for power in range(1, 2 * degree + 1):
            terms = [a[i - 1] * b[power - i - 1] for i in range(max(1, power - degree), min(degree, power - 1) + 1)]
            if power <= degree:
                terms += [a[power - 1], b[power - 1]]
            product.append(sum(terms[1:], terms[0]))
        found = product
    return np.stack([np.ones_like(found[0]), *found], axis=2)


def _reciprocal_product(polynomials: Floats, points: Complex) -> Complex:
    """Return 1 / Π polynomial(point), `test point`; 0 where the product overflows, since the rest is negligible there.

    Args:
        polynomials: `test group power`.
        points: `test point`.
    """
    powers = points[:, None, :] ** np.arange(polynomials.shape[2])[:, None]
    with np.errstate(all="ignore"):
        factors = np.matmul(polynomials, powers.view(np.float64)).view(np.complex128)
        transform = 1 / np.multiply.reduce(factors, axis=1)
    return np.where(np.isfinite(transform), transform, 0)
