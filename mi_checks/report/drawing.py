"""The parts of a report as templates render them: the first page, a behaviour in full or in brief, and the frame."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from mi_checks.report import faithfulness, interval_chart, scale
from mi_checks.report.by_behaviour import Group, Pair
from mi_checks.report.circuit_drawing import MAX_TRACED_NODES
from mi_checks.report.header import Header
from mi_checks.report.neighbour_tests import Neighbours, neighbours
from mi_checks.report.outcomes import Verdict
from mi_checks.report.problem_list import problems
from mi_checks.report.sections import BehaviourSection, ModelSection
from mi_checks.report.verdict_matrix import Row, matrix

MAX_LEGEND_BYTES = 700  # bytes, an upper bound on the size of a heat map's legend

Address = Callable[[str], str]  # maps an anchor to the `href` of a link to it


def here(anchor: str) -> str:
    """Return a link to an anchor on the same page."""
    return f"#{anchor}"


class Drawing:
    """A renderer for one report, which caches each rendered part."""

    def __init__(self, templates: Environment, kept: str, to: Address = here, examples: int = 99) -> None:
        """Store the settings.

        Args:
            templates: the Jinja environment.
            kept: the path of the run's JSON file.
            to: returns the link to a behaviour.
            examples: how many example prompts to show per model.
        """
        self._templates = templates
        self._kept = kept
        self._to = to
        self._examples = examples
        self._drawn: dict[tuple[str, str], Markup] = {}

    def page(self, title: str, banner: str, body: str, kind: str = "report") -> str:
        """Return a complete document; `kind` is written into its head."""
        return self._template(
            "page.html.j2",
            title=title,
            banner=banner,
            body=body,
            kind=kind,
            script=script(),
            levels=scale.CLASSES,
            light=scale.rules(scale.LIGHT),
            dark=scale.rules(scale.DARK),
        )

    def banner(self, header: Header) -> Markup:
        """Return the banner: the totals of the run and how to reproduce it."""
        return self._template("header.html.j2", header=header)

    def home(self, index: str) -> Markup:
        """Return the head of a behaviour's own page."""
        return self._template("home.html.j2", index=index)

    def first(self, groups: tuple[Group, ...], models: tuple[str, ...]) -> Markup:
        """Return the filter, the problems, the matrix and the comparisons."""
        rows = matrix(groups, models)
        return self._template(
            "first.html.j2",
            models=models,
            matrix=rows,
            choices=choices(rows, models),
            problems=problems(groups),
            doubted=_doubted(groups),
            neighbours=neighbours(groups),
            kept=self._kept,
        )

    def alone(self, group: Group, tests: Neighbours | None) -> Markup:
        """Return the parts about one behaviour that a single-page report shows at the top, for its own page."""
        compared = tests.of(group.behaviour) if tests else ()
        return self._template(
            "alone.html.j2",
            problems=problems((group,)),
            doubted=_doubted((group,)),
            compared=compared,
            method=tests.method if tests and compared else "",
        )

    def behaviour(self, behaviour: BehaviourSection, full: frozenset[str], alone: str = "") -> Markup:
        """Return a behaviour, with details for those of its models whose anchors are in `full`."""
        models: Sequence[ModelSection] = behaviour.models
        return self._template(
            "behaviour.html.j2",
            behaviour=behaviour,
            alone=alone,
            full=[self._model("full.html.j2", behaviour, model) for model in models if model.anchor in full],
            brief=[self._model("brief.html.j2", behaviour, model) for model in models if model.anchor not in full],
            maps=any(model.heatmaps for model in models if model.anchor in full),
            kept=self._kept,
        )

    def cost(self, behaviour: BehaviourSection, model: ModelSection) -> int:
        """Return how many bytes a model's details take, including the heat map legend."""
        full, brief = (self._model(name, behaviour, model) for name in ("full.html.j2", "brief.html.j2"))
        legend = MAX_LEGEND_BYTES if model.heatmaps else 0
        return len(full.encode()) - len(brief.encode()) + legend

    def _model(self, template: str, behaviour: BehaviourSection, model: ModelSection) -> Markup:
        key = (template, model.anchor)
        if key not in self._drawn:
            self._drawn[key] = self._template(
                template, behaviour=behaviour, model=model, kept=self._kept, most=self._examples
            )
        return self._drawn[key]

    def _template(self, name: str, **values: Any) -> Markup:
        text = self._templates.get_template(name).render(
            to=self._to, chart=interval_chart, curve_size=faithfulness, traced=MAX_TRACED_NODES, **values
        )
        return Markup(text)  # noqa: S704 — the template has escaped everything in it


def _doubted(groups: Sequence[Group]) -> tuple[Pair, ...]:
    """Return the behaviours on models for which a lint doubts the measurement."""
    return tuple(pair for group in groups for pair in group.pairs if pair.lints)


NOT_PASSED = ("fail", "drift", "error", "inconclusive")  # CSS classes that the filter choice "not passed" shows


@dataclass(frozen=True)
class Choices:
    """The options of each filter control: values and labels."""

    verdicts: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    marks: tuple[str, ...]


def choices(rows: Sequence[Row], models: Sequence[str]) -> Choices:
    """Return the verdicts, models and marks that occur in the matrix."""
    shown: dict[str, Verdict] = {}
    for row in rows:
        for _, cell in row.cells:
            if cell is not None:
                shown.setdefault(cell.verdict.css, cell.verdict)
    verdicts = [(css, f"{verdict.symbol} {verdict.word}") for css, verdict in shown.items()]
    if any(css in NOT_PASSED for css in shown):
        verdicts.insert(0, ("not-passed", "not passed"))
    marks = sorted({mark for row in rows for mark in row.marks})
    return Choices(tuple(verdicts), tuple(models), tuple(marks))


@dataclass(frozen=True)
class Script:
    """The report's script, as it is written between the tags, and its source expression for `script-src`."""

    text: Markup
    source: str


@cache
def script() -> Script:
    """Return all `.js` files beside the templates, joined in the order of their names.

    Raises:
        ValueError: the script contains text that would end its tag or change its hash.
    """
    folder = resources.files("mi_checks.report") / "templates"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError("the report's script holds what would end it or change its hash")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704 — our own files
