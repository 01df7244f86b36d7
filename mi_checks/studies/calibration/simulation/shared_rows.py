"""Means of prompts that share rows: one and several sampled factors, fixed factors, values within limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np

from mi_checks.prompts.factors import factor
from mi_checks.stats.floor import Floats
from mi_checks.stats.sampling import Integers, SamplingDesign
from mi_checks.studies.calibration.simulation.cells import Sample, Situation
from mi_checks.studies.calibration.simulation.distributions import STANDARD, Rng
from mi_checks.studies.calibration.simulation.means import are_refused

N = 256  # prompts
SAMPLED = (
    ((8,), (16,), (32,), (80,)),
    ((8, 8), (16, 16), (32, 32), (80, 16), (80, 80)),
    ((120, 120, 120, 120), (120, 120, 120, 16)),
)
CORRELATIONS = (0.0, 0.1, 0.3, 0.9)  # intra-class: the fraction of the variance that is between rows
FIXED_ROWS, STRATUM_DISTANCE = 3, 3.0  # rows of the fixed factor, and standard deviations between their means
WITH_FIXED = (16, 80)  # rows of the sampled factor beside it
STRATA = ((16, 2), (16, 3), (64, 3), (64, 12))  # prompts and rows, without a sampled factor
SHAPES = ("normal", "exponential", "lognormal")
# The mean over prompts, and beta parameters of the means of rows.
PROPORTIONS = (("0 or 1: 90 % are 1, rows differ", 1.8, 0.2), ("0 or 1: 97 % are 1, rows differ", 0.97, 0.03))
LIMITED_ROWS = ((8,), (16,), (80,), (16, 16), (80, 16), (120, 120, 120, 120))


def sampled_situations() -> list[Situation]:
    """Return the situations of one, two and four crossed sampled factors, and of a sampled factor and a fixed one."""
    designs = [(rows, 0) for group in SAMPLED for rows in group] + [((rows,), FIXED_ROWS) for rows in WITH_FIXED]
    return [
        Situation(
            name,
            f"{N} prompts, {rows_text(rows, fixed)}, correlation {correlation:g}",
            N,
            partial(_clustered, name, rows, fixed, correlation),
            min(rows),
        )
        for rows, fixed in designs
        for correlation in CORRELATIONS
        for name in SHAPES
    ]


def fixed_situations() -> list[Situation]:
    """Return the situations of a fixed factor alone, whose rows' means are far apart."""
    return [
        Situation(name, f"{n} prompts, {rows} fixed rows", n, partial(_stratified, name, n, rows))
        for n, rows in STRATA
        for name in SHAPES
    ]


def limited_row_situations() -> list[Situation]:
    """Return the situations of proportions whose prompts share rows."""
    return [
        Situation(
            name, f"{N} prompts, {rows_text(rows, 0)}", N, partial(_proportions, rows, (first, second)), min(rows)
        )
        for rows in LIMITED_ROWS
        for name, first, second in PROPORTIONS
    ]


def rows_text(rows: Sequence[int], fixed: int) -> str:
    """Return `16 × 16 rows`, or `16 rows × 3 fixed ones`."""
    text = f"{' × '.join(map(str, rows))} rows"
    return f"{text} × {fixed} fixed ones" if fixed else text


def rows_in_rounds(rng: Rng, n: int, rows: int) -> Integers:
    """Return the row of each prompt: every row once in random order, then every row again, and so on."""
    rounds = -(-n // rows)
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:n]


def clustered_values(
    name: str, rng: Rng, factors: Sequence[Integers], correlation: float, shape: tuple[int, int]
) -> Floats:
    """Return values with mean zero and variance one of which the rows of all factors share the correlation equally.

    Args:
        name: the distribution of the effects of rows, and of the prompts' own.
        rng: the generator.
        factors: the row of each prompt, `prompt`, of each factor.
        correlation: the variance of the effects of rows.
        shape: of the values, `draw prompt`.
    """
    draw = STANDARD[name]
    values = math.sqrt(1 - correlation) * draw(rng, shape)
    for rows in factors:
        effects = draw(rng, (shape[0], int(rows.max()) + 1))
        values = values + math.sqrt(correlation / len(factors)) * effects[:, rows]
    return values


def _clustered(name: str, rows: Sequence[int], fixed: int, correlation: float, rng: Rng, draws: int) -> Sample:
    drawn = [rows_in_rounds(rng, N, each) for each in rows]
    values = clustered_values(name, rng, drawn, correlation, (draws, N))
    factors = [factor(f"sampled {place}", each.tolist(), sampled=True) for place, each in enumerate(drawn)]
    if fixed:
        strata = rows_in_rounds(rng, N, fixed)
        values = values + _distances(strata)
        factors.append(factor("fixed", strata.tolist(), sampled=False))
    design = SamplingDesign(N, tuple(factors))
    return Sample(values, design, are_refused(values, design))


def _stratified(name: str, n: int, rows: int, rng: Rng, draws: int) -> Sample:
    strata = rows_in_rounds(rng, n, rows)
    values = STANDARD[name](rng, (draws, n)) + _distances(strata)
    design = SamplingDesign(n, (factor("fixed", strata.tolist(), sampled=False),))
    return Sample(values, design, are_refused(values, design))


def _distances(strata: Integers) -> Floats:
    """Return the distance of each prompt's stratum, `prompt`, with mean zero over the prompts."""
    distances = STRATUM_DISTANCE * strata
    return np.asarray(distances - distances.mean())


def _proportions(rows: Sequence[int], beta: tuple[float, float], rng: Rng, draws: int) -> Sample:
    """Draw zeros and ones whose probability is that of a row of one of the factors, by chance."""
    drawn = [rows_in_rounds(rng, N, each) for each in rows]
    truth = beta[0] / sum(beta)
    means = np.stack([rng.beta(*beta, (draws, int(each.max()) + 1))[:, each] for each in drawn], axis=-1)
    chosen = rng.integers(len(rows), size=(draws, N))
    values = (rng.random((draws, N)) < np.take_along_axis(means, chosen[..., None], -1)[..., 0]).astype(float)
    factors = (factor(f"sampled {place}", each.tolist(), sampled=True) for place, each in enumerate(drawn))
    design = SamplingDesign(N, tuple(factors))
    refused = are_refused(values, design, limited=True)
    return Sample(values - truth, design, refused, (-truth, 1 - truth), float(values.std()))
