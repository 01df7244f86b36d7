"""The report as a single page, with details for as many models as fit its size budget, and without what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from markupsafe import Markup

from mi_checks.errors import MiChecksError
from mi_checks.faults.omissions import Omissions
from mi_checks.faults.unexpected import is_not_a_failure
from mi_checks.files import write_file
from mi_checks.report.behaviour_results import BehaviourResults, ModelResults, model_names, results_by_behaviour
from mi_checks.report.behaviour_section import behaviour_section
from mi_checks.report.renderer import ReportRenderer, template_environment
from mi_checks.report.report_header import report_header
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run

T = TypeVar("T")
MAX_PAGE_BYTES = 2_000_000  # a larger page is hard to mail and slow to open
RESERVED_BYTES = 5_000  # part of the page budget, for the notes about omitted details
MAX_PAGE_EXAMPLES = 100  # prompt pairs on one page; above this, each model shows only its first
# The drawable parts of an evidence record: the name, the fields, and their values when the part is left out.
DRAWABLE_PARTS = (
    ("the circuit", {"circuit": None}),
    ("the curve of faithfulness", {"curves": ()}),
    ("the list of heat maps", {"heatmaps": ()}),
    ("the list of example prompts", {"examples": ()}),
)


def render(run: Run, run_path: str = "RUN", max_bytes: int | None = MAX_PAGE_BYTES) -> str:
    """Return the report of a run as one HTML document without references to anything outside it.

    Args:
        run: the run to show.
        run_path: the path of the run's JSON file, for the command that shows what is left out on this page.
        max_bytes: the page budget, beyond which details are left out; None shows everything.
    """
    behaviours, columns = results_by_behaviour(run), model_names(run)
    n_examples = sum(len(evidence.examples) for evidence in run.evidence)
    too_many_examples = max_bytes is not None and n_examples > MAX_PAGE_EXAMPLES
    renderer = ReportRenderer(
        template_environment(), run_path, max_examples=1 if too_many_examples else MAX_PAGE_EXAMPLES
    )
    sections = [behaviour_section(behaviour) for behaviour in behaviours]
    header = report_header(run)
    banner, first_part = renderer.banner(header), renderer.first_part(behaviours, columns)
    if max_bytes is None:
        full = frozenset(model.anchor for behaviour in behaviours for model in behaviour.models)
    else:
        model_sections = {model.anchor: (section, model) for section in sections for model in section.models}
        in_brief = sum(_n_bytes(renderer.behaviour(section, frozenset())) for section in sections)
        frame = _n_bytes(renderer.page(header.headline, banner, first_part))
        available = max_bytes - RESERVED_BYTES - in_brief - frame
        full = models_in_full(behaviours, available, lambda model: renderer.detail_bytes(*model_sections[model.anchor]))
    body = Markup("").join(renderer.behaviour(section, full) for section in sections)
    return renderer.page(header.headline, banner, first_part + body)


def write_page(run: Run, path: Path, run_path: str = "RUN") -> tuple[str, ...]:
    """Write the report, and replace an older one only once the new one is complete.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    page, omitted = draw_tolerantly(run, lambda run: render(run, run_path))
    write_file(path, page, "the report", "name another file (--mi-report)")
    return omitted


def models_in_full(
    behaviours: Sequence[BehaviourResults], available_bytes: int, detail_bytes: Callable[[ModelResults], int]
) -> frozenset[str]:
    """Return the anchors of the models whose details are shown.

    Models are taken in this order while there is room: first those that did not pass, then the most informative model
    of each behaviour, then the rest. A model of the first two kinds that does not fit is skipped; in the rest, the
    first one that does not fit ends the selection.

    Args:
        behaviours: the results, by behaviour.
        available_bytes: the budget.
        detail_bytes: returns the number of bytes that the details of a model take.
    """
    anchors: set[str] = set()
    for has_priority, model in _in_order_of_priority(behaviours):
        if model.anchor in anchors:
            continue
        n_bytes = detail_bytes(model)
        if n_bytes <= available_bytes:
            available_bytes -= n_bytes
            anchors.add(model.anchor)
        elif not has_priority:
            break
    return frozenset(anchors)


def _in_order_of_priority(behaviours: Sequence[BehaviourResults]) -> Iterator[tuple[bool, ModelResults]]:
    """Yield each model, with whether it has priority; a model can occur more than once."""
    models = [model for behaviour in behaviours for model in behaviour.models]
    yield from ((True, model) for model in models if model.outcome not in ("pass", "skipped", None))
    yield from ((True, max(behaviour.models, key=_informativeness)) for behaviour in behaviours)
    yield from ((False, model) for model in models)


def _informativeness(model: ModelResults) -> tuple[bool, int, int, float]:
    """Return a sort key for how much a model has to show: claims first, then layers, then the effect size."""
    if model.evidence is None:
        return not model.absent, len(model.checks), 0, 0.0
    effect = model.evidence.effect
    return not model.absent, len(model.checks), effect.architecture.n_layers, effect.estimate.value


def draw_tolerantly(run: Run, draw: Callable[[Run], T]) -> tuple[T, tuple[str, ...]]:
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
        if is_not_a_failure(error):
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
    omitted = Omissions()
    results = tuple(
        result for result in run.results if (result.behaviour, result.model) == (evidence.behaviour, evidence.model)
    )
    partial_run = replace(run, results=results, mutants=())
    partial_evidence = evidence
    for _, left_out in DRAWABLE_PARTS:
        partial_evidence = replace(partial_evidence, **left_out)
    with omitted.suppressing("the evidence"):
        draw(replace(partial_run, evidence=(partial_evidence,)))
        for name, left_out in DRAWABLE_PARTS:
            extended = replace(partial_evidence, **{field: getattr(evidence, field) for field in left_out})
            with omitted.suppressing(name):
                draw(replace(partial_run, evidence=(extended,)))
                partial_evidence = extended
        return replace(partial_evidence, omitted=(*evidence.omitted, *omitted.sentences)), omitted.sentences
    return None, omitted.sentences


def _n_bytes(text: str) -> int:
    return len(text.encode())
