"""How often the intervals of `mi_checks.stats` hold a known truth, on simulated effects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mi_checks.engine.base_run import Floats
from mi_checks.output.progress import Bar, unseen
from mi_checks.stats.bootstrap import CONFIDENCE
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoGap, mean_interval, proportion_interval, ratio_area_interval, ratio_interval
from mi_checks.studies.calibration import alternatives
from mi_checks.studies.calibration.effect_shapes import AREAS, PROPORTIONS, RATIOS, VALUES, Rng, Shares, Values
from mi_checks.studies.calibration.rate import Rate, rate_of
from mi_checks.studies.calibration.verdict_rows import ONE_SIDED

SIZES = (16, 64, 256)  # prompts
Ends = tuple[float, float]


@dataclass(frozen=True)
class Coverage:
    """How often an interval held the truth.

    Attributes:
        interval: what it is of, and how it was made.
        values: what it was made from.
        n: prompts.
        covered: how often it held the truth.
        above: how often all of it was above the truth, where `at_least` the truth passes.
        below: how often all of it was below, where `at_most` the truth passes.
        refused: draws of which no interval was made, as the whole was not surely above zero.
        shipped: whether checks use it; others stand there to compare.
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
    """An interval and values that it is made from.

    Attributes:
        interval: its name.
        values: their name.
        truth: what the interval should hold.
        ends: generator, prompts → both ends, or None where there is nothing to share.
        shipped: whether checks use it.
    """

    interval: str
    values: str
    truth: float
    ends: Callable[[Rng, int], Ends | None]
    shipped: bool = True


def intervals(draws: int, seed: int, sizes: Sequence[int] = SIZES, bar: Bar = unseen) -> tuple[Coverage, ...]:
    """Every interval on every shape of values, and for the mean the alternatives on the same values."""
    cells = [(cell, n) for cell in (*means(), *ratios(), *areas(), *proportions()) for n in sizes]
    return tuple(coverage(cell, n, draws, seed) for cell, n in bar(cells, "simulated intervals"))


def coverage(cell: Cell, n: int, draws: int, seed: int) -> Coverage:
    """Make the interval from n prompts, so many times."""
    rng = np.random.default_rng((seed, n))
    ends = [cell.ends(rng, n) for _ in range(draws)]
    made = [each for each in ends if each is not None]
    above = [low > cell.truth for low, _ in made]
    below = [high < cell.truth for _, high in made]
    held = [not (one or other) for one, other in zip(above, below, strict=True)]
    return Coverage(
        cell.interval,
        cell.values,
        n,
        rate_of(held, CONFIDENCE),
        rate_of(above, ONE_SIDED),
        rate_of(below, ONE_SIDED),
        draws - len(made),
        cell.shipped,
    )


def means(shapes: Iterable[Values] = VALUES) -> list[Cell]:
    """The mean over prompts, by the bootstrap that checks use and by others."""
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
    """A share: a ratio of means."""
    return [Cell("share: bootstrap", shape.name, shape.truth, partial(_of_share, shape)) for shape in RATIOS]


def areas() -> list[Cell]:
    """The mean of the absolute values of shares, as completeness is."""
    return [Cell("mean |share|: bootstrap", shape.name, shape.truth, partial(_of_shares, shape)) for shape in AREAS]


def proportions() -> list[Cell]:
    """The share of prompts on which the answer wins."""
    return [Cell("proportion: Wilson", f"{p:g} of prompts", p, partial(_of_wins, p)) for p in PROPORTIONS]


def _ends(estimate: Estimate) -> Ends:
    return estimate.low, estimate.high


def _bootstrap(values: Floats) -> Ends:
    return _ends(mean_interval(values, "logits"))


def _of_values(make: Callable[[Floats], Ends], shape: Values, rng: Rng, n: int) -> Ends:
    return make(shape.draw(rng, n))


def _of_share(shape: Shares, rng: Rng, n: int) -> Ends | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(ratio_interval(parts[0], whole))
    except NoGap:
        return None


def _of_shares(shape: Shares, rng: Rng, n: int) -> Ends | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(ratio_area_interval(parts, whole, lambda shares: np.abs(shares).mean(0), "the whole", "bootstrap"))
    except NoGap:
        return None


def _of_wins(p: float, rng: Rng, n: int) -> Ends:
    return _ends(proportion_interval(int(rng.binomial(n, p)), n))
