"""The counts of a calibration as tables: one for each null, one of intervals and one of tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mi_checks.output.numbers import percent
from mi_checks.studies.calibration.calibration import Calibration
from mi_checks.studies.calibration.nulls import ANSWERS, BOUND, CIRCUITS, FRESH, PROMPTS
from mi_checks.studies.calibration.rate import Rate

MARKS = {"within": "", "above": " ▲", "below": " ▽"}
LEGEND = (
    "▲ more often than nominal, ▽ less often, each beyond what one run in a thousand brings by chance (exact binomial "
    "test); everything else is within binomial error of nominal."
)
ABOUT: Mapping[str, str] = {
    FRESH: "Nano-shaped models that were never trained, another in every run, on new prompts, claims about heads drawn "
    "at random: no effect has a direction. Held to the value that an effect has where there is none, a claim should "
    "pass in 2.5 % of runs at most, and a claim that is not about a fraction should fail significantly in as many. A "
    "fraction needs an effect size above zero, so it passes in fewer; the next "
    "column counts only such runs. Attention is to a position drawn at random. Typical "
    "bounds are about those of the induction behaviours that ship, where these have such a check. What a head writes "
    "(`composes` at a label) has no null value: untrained heads write too.",
    ANSWERS: "Trained models with a known induction circuit, claims about its heads; answer and foil of every prompt "
    "are two random tokens in random order. No effect has a direction, whatever the model does. Columns as above.",
    BOUND: "The same models with the true answers; prompts are drawn from a pool, and every claim is held to exactly "
    "what is true of the pool (of a curve: of the order that was found). It should pass in 2.5 % of runs, and surely "
    "fail in 2.5 %.",
    CIRCUITS: "A circuit of three heads drawn at random, on the true answers: it is ahead of all but a share α of "
    "the circuits of its size in α of the runs.",
}


@dataclass(frozen=True)
class Table:
    """A title, a description, and rows as wide as the header."""

    title: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(calibration: Calibration) -> tuple[Table, ...]:
    """Return all tables that have a row."""
    all_tables = [_null(null, calibration) for null in ABOUT] + [_coverage(calibration), _rejections(calibration)]
    return tuple(table for table in all_tables if table.rows)


def _null(null: str, calibration: Calibration) -> Table:
    rows = [row for row in calibration.rows if row.null == null]
    columns = {
        "claim": [row.claim for row in rows],
        "held to": [row.bound or "–" for row in rows],
        "passes": [_rate(row.passed) for row in rows],
        "of runs with an effect size": [_counted(row.with_gap) for row in rows],
        "surely fails": [_rate(row.failed) for row in rows],
        "typical bound": [row.shipped for row in rows],
        "passes so": [_rate(row.as_shipped) for row in rows],
    }
    used = {name: cells for name, cells in columns.items() if any(cell not in ("", "–") for cell in cells)}
    title = f"{null.capitalize()}: {calibration.runs} runs of {PROMPTS} prompts"
    return Table(title, ABOUT[null], tuple(used), tuple(zip(*used.values(), strict=True)))


def _coverage(calibration: Calibration) -> Table:
    rows = [
        (
            each.interval if each.shipped else f"({each.interval})",
            each.values,
            str(each.n),
            _rate(each.covered),
            _rate(each.above),
            _rate(each.below),
            str(each.refused) if each.refused else "–",
        )
        for each in calibration.coverage
    ]
    about = (
        "How often nominal 95 % intervals hold the truth of simulated effects; how often all of it is above the truth, "
        "where `at_least` the truth passes, and below, where `at_most` does (nominal 2.5 % each). In brackets: "
        "intervals that no check uses, on the same values."
    )
    header = ("interval", "of values", "prompts", "covers", "above the truth", "below the truth", "nothing to share")
    return Table(f"Intervals: {calibration.draws} draws", about, header, tuple(rows))


def _rejections(calibration: Calibration) -> Table:
    rows = [
        (each.test, each.values, str(each.n), percent(each.rejected.nominal), _rate(each.rejected))
        for each in calibration.rejections
    ]
    about = "How often tests reject what is so."
    header = ("test", "of values", "prompts", "nominal", "rejects")
    return Table(f"Tests: {calibration.draws} draws", about, header, tuple(rows))


def _rate(rate: Rate | None) -> str:
    return "–" if rate is None else percent(rate.share) + MARKS[rate.beside]


def _counted(rate: Rate | None) -> str:
    return "–" if rate is None else f"{rate.hits} of {rate.runs}"
