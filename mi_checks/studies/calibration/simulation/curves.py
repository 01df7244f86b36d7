"""Completeness, areas between curves, and the brackets of emergence: whatever is not the mean of one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.absolute_means import AbsoluteMeans
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize
from mi_checks.stats.sampling import Integers, SamplingDesign
from mi_checks.studies.calibration.simulation.cells import Cell, promised_error, random_generator
from mi_checks.studies.calibration.simulation.distributions import STANDARD, Rng
from mi_checks.studies.calibration.simulation.shared_rows import clustered_values, rows_in_rounds, rows_text
from mi_checks.studies.emergence.appearance import fall_bracket, rise_bracket

KNOCK_OUTS = 20
# The true differences, as fractions of the whole: of knock-outs, and 1 − f of circuits of growing size.
COMPLETENESS = {
    "completeness: all differences 0": np.zeros(KNOCK_OUTS),
    "completeness: half 0, half ±0.2": np.r_[np.zeros(10), np.full(5, 0.2), np.full(5, -0.2)],
    "completeness: all ±0.3": np.r_[np.full(10, 0.3), np.full(10, -0.3)],
    "cmd: 1 − f falls from 1 to 0": np.linspace(1, 0, 13) ** 2,
}
SAMPLES: tuple[tuple[int, tuple[int, ...]], ...] = ((16, ()), (64, ()), (256, ()), (256, (16,)), (256, (80, 80)))
CORRELATION = 0.3
WHOLE = 4.0  # the mean of the whole, in standard deviations of it
# The means of checkpoints as fractions of the largest: two lie next to the half, where an end of a bracket may err.
RISING = (0.0, 0.1, 0.4999, 0.5, 1.0, 0.8)
SEVERAL_LARGEST = (0.0, 0.4999, 0.5, 1.0, 1.0, 1.0)
BRACKET_NOISES = ("normal", "lognormal")
BRACKET_SIZES = (16, 64)  # prompts
LARGEST_EFFECT = 3.0  # standard deviations of the noise of a checkpoint


@dataclass(frozen=True)
class CurveSituation:
    """What is drawn in a cell.

    Attributes:
        values: a description.
        sample: a description of the sample.
        n: the number of prompts.
        clusters: the number of rows of the smallest sampled factor, if any.
        errs: takes a generator and returns whether the lower end, and the upper end, errs; None without an interval.
    """

    values: str
    sample: str
    n: int
    clusters: int | None
    errs: Callable[[Rng], tuple[bool, bool] | None]


def absolute_situations() -> list[CurveSituation]:
    """Return the situations of completeness and of the area between a curve and one."""
    return [
        CurveSituation(
            f"{name}, {noise}",
            f"{n} prompts, {rows_text(rows, 0)}, correlation {CORRELATION:g}" if rows else f"{n} prompts",
            n,
            min(rows, default=None),
            partial(_absolute_errors, truths, noise, n, rows),
        )
        for name, truths in COMPLETENESS.items()
        for noise in ("normal", "lognormal")
        for n, rows in SAMPLES
    ]


def bracket_situations() -> list[CurveSituation]:
    """Return the situations of when a behaviour appears and disappears in training."""
    return [
        CurveSituation(
            f"{event}{more}, {noise}", f"{n} prompts", n, None, partial(_bracket_errors, event, means, noise, n)
        )
        for event in ("appears", "disappears")
        for more, means in (("", RISING), (", several largest", SEVERAL_LARGEST))
        for noise in BRACKET_NOISES
        for n in BRACKET_SIZES
    ]


def measure_curve(situation: CurveSituation, draws: int, seed: int) -> Cell:
    """Return how often either end of an interval errs."""
    rng = random_generator(seed, situation.n, situation.values + situation.sample)
    found = [situation.errs(rng) for _ in range(draws)]
    judged = [each for each in found if each is not None]
    above, below = (sum(each[side] for each in judged) for side in (0, 1))
    promised = promised_error(situation.n, situation.clusters)
    return Cell(situation.values, situation.sample, draws, draws - len(judged), above, below, promised)


def _absolute_errors(truths: Floats, noise: str, n: int, rows: tuple[int, ...], rng: Rng) -> tuple[bool, bool] | None:
    drawn: list[Integers] = [rows_in_rounds(rng, n, each) for each in rows]
    factors = (factor(f"sampled {place}", each.tolist(), sampled=True) for place, each in enumerate(drawn))
    design = SamplingDesign(n, tuple(factors))
    correlation = CORRELATION if rows else 0.0
    values = clustered_values(noise, rng, drawn, correlation, (len(truths) + 1, n))
    whole = WHOLE + values[0]
    truth = float(np.abs(truths).mean())
    try:
        means = AbsoluteMeans(truths[:, None] * whole + values[1:], whole, design, "the whole")
    except NoEffectSize:
        return None
    at_least, at_most = (means.p_value(bound) for bound in (Bound(at_least=truth), Bound(at_most=truth)))
    return at_least < ALPHA_PER_SIDE, at_most < ALPHA_PER_SIDE


def _bracket_errors(event: str, means: tuple[float, ...], noise: str, n: int, rng: Rng) -> tuple[bool, bool] | None:
    """Return whether the bracket lies after the event, and before it."""
    draw = STANDARD[noise]
    levels = np.array(means)[:, None] * LARGEST_EFFECT
    values = levels * (1 + 0.3 * rng.normal(size=n)) + 0.7 * draw(rng, (len(means), n)) + 0.7 * draw(rng, (1, n))
    reached = means.index(0.5)
    if event == "appears":
        bracket = rise_bracket(values, SamplingDesign(n))
        return None if bracket is None else ((bracket.after or -1) >= reached, bracket.by < reached)
    bracket = fall_bracket(values[::-1], SamplingDesign(n))
    last = len(means) - 1 - reached  # the last checkpoint that is not below half
    return None if bracket is None else ((bracket.after or 0) > last, bracket.by <= last)
