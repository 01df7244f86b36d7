"""The coverage of the intervals in `mi_checks.stats`, measured on simulated effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mi_checks.engine.readout import Floats
from mi_checks.output.progress import Progress, no_progress
from mi_checks.stats.bootstrap import CONFIDENCE
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import (
    NoEffectSize,
    mean_interval,
    proportion_interval,
    ratio_area_interval,
    ratio_interval,
)
from mi_checks.studies.calibration import alternatives
from mi_checks.studies.calibration.effect_shapes import AREAS, PROPORTIONS, RATIOS, VALUES, Rng, Shares, Values
from mi_checks.studies.calibration.rate import Rate, rate_of
from mi_checks.studies.calibration.verdict_rows import ONE_SIDED

SIZES = (16, 64, 256)  # prompts
Ends = tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """How often an interval covered the true value.

    Attributes:
        interval: the quantity and the method.
        values: the distribution of the values.
        n: the number of prompts.
        covered: how often the interval covered the true value.
        above: how often the whole interval was above the true value, so that `at_least` that value passes.
        below: how often the whole interval was below it, so that `at_most` that value passes.
        refused: the draws without an interval, because the denominator was not significantly above zero.
        shipped: whether checks use the interval; the others are for comparison.
    """

    interval: str
    values: str
    n: int
    covered: Rate
    above: Rate
    below: Rate
    refused: int = 0
    shipped: bool = True


@dataclass(frozen=True)
class Cell:
    """An interval and the distribution of values that it is computed from.

    Attributes:
        interval: the interval's name.
        values: the distribution's name.
        truth: the value that the interval should cover.
        ends: takes a generator and a number of prompts and returns both ends, or None if the denominator is not above
            zero.
        shipped: whether checks use the interval.
    """

    interval: str
    values: str
    truth: float
    ends: Callable[[Rng, int], Ends | None]
    shipped: bool = True


def intervals(
    draws: int, seed: int, sizes: Sequence[int] = SIZES, progress: Progress = no_progress
) -> tuple[Coverage, ...]:
    """Return the coverage of every interval on every distribution, and of the alternatives for the mean."""
    cells = [(cell, n) for cell in (*means(), *ratios(), *areas(), *proportions()) for n in sizes]
    return tuple(coverage(cell, n, draws, seed) for cell, n in progress(cells, len(cells), "simulated intervals"))


def coverage(cell: Cell, n: int, draws: int, seed: int) -> Coverage:
    """Return how often the interval of n prompts covers the true value, over a number of draws."""
    rng = np.random.default_rng((seed, n))
    ends = [cell.ends(rng, n) for _ in range(draws)]
    intervals = [each for each in ends if each is not None]
    above = [low > cell.truth for low, _ in intervals]
    below = [high < cell.truth for _, high in intervals]
    held = [not (one or other) for one, other in zip(above, below, strict=True)]
    return Coverage(
        cell.interval,
        cell.values,
        n,
        rate_of(held, CONFIDENCE),
        rate_of(above, ONE_SIDED),
        rate_of(below, ONE_SIDED),
        draws - len(intervals),
        cell.shipped,
    )


def means(shapes: Iterable[Values] = VALUES) -> list[Cell]:
    """Return the cells of the mean over prompts, with the bootstrap that checks use and with alternatives."""
    ways: dict[str, Callable[[Floats], Ends]] = {
        "mean: bootstrap": _bootstrap,
        "mean: Student's t": alternatives.student,
        "mean: bootstrap-t": alternatives.bootstrap_t,
        "mean: BCa": alternatives.accelerated,
    }
    return [
        Cell(way, shape.name, shape.truth, partial(_of_values, make, shape), shipped=make is _bootstrap)
        for shape in shapes
        for way, make in ways.items()
    ]


def ratios() -> list[Cell]:
    """Return the cells of a fraction, which is a ratio of means."""
    return [Cell("share: bootstrap", shape.name, shape.truth, partial(_of_fraction, shape)) for shape in RATIOS]


def areas() -> list[Cell]:
    """Return the cells of the mean of the absolute values of fractions, which completeness is."""
    return [Cell("mean |share|: bootstrap", shape.name, shape.truth, partial(_of_fractions, shape)) for shape in AREAS]


def proportions() -> list[Cell]:
    """Return the cells of the proportion of prompts on which the answer wins."""
    return [Cell("proportion: Wilson", f"{p:g} of prompts", p, partial(_of_wins, p)) for p in PROPORTIONS]


def _ends(estimate: Estimate) -> Ends:
    return estimate.low, estimate.high


def _bootstrap(values: Floats) -> Ends:
    return _ends(mean_interval(values, "logits"))


def _of_values(make: Callable[[Floats], Ends], shape: Values, rng: Rng, n: int) -> Ends:
    return make(shape.draw(rng, n))


def _of_fraction(shape: Shares, rng: Rng, n: int) -> Ends | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(ratio_interval(parts[0], whole))
    except NoEffectSize:
        return None


def _of_fractions(shape: Shares, rng: Rng, n: int) -> Ends | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(ratio_area_interval(parts, whole, lambda shares: np.abs(shares).mean(0), "the whole", "bootstrap"))
    except NoEffectSize:
        return None


def _of_wins(p: float, rng: Rng, n: int) -> Ends:
    return _ends(proportion_interval(int(rng.binomial(n, p)), n))
