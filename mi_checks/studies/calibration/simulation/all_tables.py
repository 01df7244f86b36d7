"""All tables of simulated samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mi_checks.output.progress import Progress, no_progress
from mi_checks.studies.calibration.simulation import changes, curves, means, model_values, ratios, shared_rows
from mi_checks.studies.calibration.simulation.cells import Cell, Situation, measure

DRAWS_OF_CURVES = 2  # the draws of other cells per draw of a cell that is not computed for many draws at once


@dataclass(frozen=True)
class CellTable:
    """A table of cells.

    Attributes:
        title: its title.
        about: what its cells are, and what to know about them.
        cells: its cells.
    """

    title: str
    about: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class _TablePlan:
    title: str
    about: str
    cells: tuple[Callable[[], Cell], ...]


def measure_tables(draws: int, seed: int, progress: Progress = no_progress) -> tuple[CellTable, ...]:
    """Measure every cell of every table.

    Args:
        draws: the number of draws of each cell; of changes, curves and brackets, half as many.
        seed: the seed of all random draws; no cell depends on another.
        progress: shows the progress over all cells.
    """
    plans = _plans(draws, seed)
    pending = [(plan, cell) for plan in plans for cell in plan.cells]
    measured: dict[str, list[Cell]] = {plan.title: [] for plan in plans}
    for plan, cell in progress(pending, len(pending), "simulated samples"):
        measured[plan.title].append(cell())
    return tuple(CellTable(plan.title, plan.about, tuple(measured[plan.title])) for plan in plans)


def _plans(draws: int, seed: int) -> list[_TablePlan]:
    def of(situations: list[Situation], *, is_promised: bool = True) -> tuple[Callable[[], Cell], ...]:
        return tuple(partial(measure, each, draws, seed, is_promised=is_promised) for each in situations)

    fewer = draws // DRAWS_OF_CURVES
    return [
        _TablePlan(
            "Means of values without limits",
            "Independent prompts; the mean of every distribution is tested from both sides. Values that are 95 % alike "
            "are refused unless five differ from the others, or, of at least 64, none.",
            of(means.mean_situations()),
        ),
        _TablePlan(
            "Means of values within limits",
            "Attention, probabilities, accuracy, and differences of 0 and 1. None is refused.",
            of(means.limited_situations()),
        ),
        _TablePlan(
            "Ratios of means",
            "A part and a whole that both vary, at the true ratio. Draws whose whole is not significantly above zero "
            "have no fraction and count as refused. Widths and power are those of part − ratio · whole.",
            of(ratios.ratio_situations()),
        ),
        _TablePlan(
            "Families of tests",
            "All tests of a family are at their bounds; an error is any rejection after Holm's correction. Families of "
            "96 tests are refused with 16 prompts.",
            of(ratios.family_situations()),
        ),
        _TablePlan(
            "Means over rows of sampled factors",
            "Prompts share rows, drawn in rounds; the correlation is the fraction of the variance between rows. The "
            "rows of a fixed factor are three standard deviations apart.",
            of(shared_rows.sampled_situations()),
        ),
        _TablePlan(
            "Means over rows of a fixed factor",
            "Strata whose means are three standard deviations apart. Strata of fewer than five prompts are not used.",
            of(shared_rows.fixed_situations()),
        ),
        _TablePlan(
            "Proportions over rows of sampled factors",
            "0 or 1 with a probability that is that of a row, of one of the factors at random.",
            of(shared_rows.limited_row_situations()),
        ),
        _TablePlan(
            "Values of bundled models",
            f"What bundled models have on {model_values.POPULATION} prompts is a population, of which prompts are "
            "drawn with replacement; its mean is the truth.",
            of(model_values.model_situations(seed)),
        ),
        _TablePlan(
            "Changes",
            "The true change is exactly the margin, and is called larger, or called within the margin; or two "
            "intervals of the same true mean are called different. Above: differences as named; below: turned.",
            tuple(partial(changes.measure_change, each, fewer, seed) for each in changes.change_situations()),
        ),
        _TablePlan(
            "Completeness and areas between curves",
            f"Means of {curves.KNOCK_OUTS} absolute differences, and of 1 − f over 13 sizes of circuits, as fractions "
            "of a whole.",
            tuple(partial(curves.measure_curve, each, fewer, seed) for each in curves.absolute_situations()),
        ),
        _TablePlan(
            "Brackets of emergence",
            "The mean is at half of its largest at one checkpoint, and just below at the one before. Above: the "
            "bracket lies later than the event; below: earlier. Refused: no checkpoint is significantly above half.",
            tuple(partial(curves.measure_curve, each, fewer, seed) for each in curves.bracket_situations()),
        ),
        _TablePlan(
            "What cannot be held",
            "Heavier tails than those of lognormal values with σ = 1: a sample that lacks the tail cannot show it. "
            "Likewise values that are the same on most prompts (or exactly zero, or the same fraction) and far from "
            "that on the others: a sample of identical values says nothing about the others. Fewer than 64 of those "
            "are refused, unless they are zero. Nothing is promised.",
            of([*means.heavier_situations(), *ratios.rare_ratio_situations()], is_promised=False),
        ),
    ]
