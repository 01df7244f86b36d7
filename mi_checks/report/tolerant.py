"""A report without the parts that cannot be drawn: evidence that breaks the page is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mi_checks.errors import MiChecksError
from mi_checks.faults.omitted import Omitted
from mi_checks.faults.unexpected import passes_through
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run

T = TypeVar("T")
# The drawable parts of an evidence record: the name, the fields, and their values when the part is left out.
PARTS = (
    ("the circuit", {"circuit": None}),
    ("the curve of faithfulness", {"curves": ()}),
    ("the list of heat maps", {"heatmaps": ()}),
    ("the list of example prompts", {"examples": ()}),
)


def drawn_without_what_breaks(run: Run, draw: Callable[[Run], T]) -> tuple[T, tuple[str, ...]]:
    """Return what `draw` makes of a run, and sentences about what had to be left out for it to succeed.

    Raises:
        MiChecksError: `draw` raised it, so the fault is not in the drawing.
        Exception: not even the results alone can be drawn.
    """
    try:
        return draw(run), ()
    except MiChecksError:
        raise
    except Exception as error:
        if passes_through(error):
            raise
    notes: list[str] = []
    intact = []
    for evidence in run.evidence:
        drawable, sentences = _drawable(run, evidence, draw)
        notes += (f"{evidence.behaviour} on {evidence.model}: {sentence}" for sentence in sentences)
        intact += [] if drawable is None else [drawable]
    return draw(replace(run, evidence=tuple(intact), omitted=(*run.omitted, *notes))), tuple(notes)


def _drawable(run: Run, evidence: Evidence, draw: Callable[[Run], T]) -> tuple[Evidence | None, tuple[str, ...]]:
    """Return the evidence without the parts that cannot be drawn, or None if the rest cannot be drawn either."""
    omitted = Omitted()
    results = tuple(
        each for each in run.results if (each.behaviour, each.model) == (evidence.behaviour, evidence.model)
    )
    alone = replace(run, results=results, mutants=())
    bare = evidence
    for _, without in PARTS:
        bare = replace(bare, **without)
    with omitted.unless("the evidence"):
        draw(replace(alone, evidence=(bare,)))
        for what, without in PARTS:
            part = {field: getattr(evidence, field) for field in without}
            with omitted.unless(what):
                draw(replace(alone, evidence=(replace(bare, **part),)))
                bare = replace(bare, **part)
        return replace(bare, omitted=(*evidence.omitted, *omitted.sentences)), omitted.sentences
    return None, omitted.sentences
