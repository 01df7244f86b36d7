"""Parts of a report, drawn by templates: the first page, a behaviour in full or in brief, and the page around them."""

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

from mi_checks.report import faithfulness, intervals, scale
from mi_checks.report.by_behaviour import Group, Pair
from mi_checks.report.circuit_drawing import TRACED
from mi_checks.report.header import Header
from mi_checks.report.neighbour_tests import Neighbours, neighbours
from mi_checks.report.outcomes import Verdict
from mi_checks.report.problem_list import problems
from mi_checks.report.sections import BehaviourSection, ModelSection
from mi_checks.report.verdict_matrix import Row, matrix

LEGEND = 700  # bytes, at most

Address = Callable[[str], str]  # from an anchor to what a link to it says


def here(anchor: str) -> str:
    """An anchor of the same page."""
    return f"#{anchor}"


class Drawing:
    """Draws one report; what was drawn once is kept."""

    def __init__(self, templates: Environment, kept: str, to: Address = here, examples: int = 99) -> None:
        """`kept` is where the run is kept as JSON; `to` is where behaviours are; `examples` are shown of a model."""
        self._templates = templates
        self._kept = kept
        self._to = to
        self._examples = examples
        self._drawn: dict[tuple[str, str], Markup] = {}

    def page(self, title: str, banner: str, body: str, kind: str = "report") -> str:
        """A document; `kind` is written into its head."""
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
        """What the run came to, and how to run it again."""
        return self._template("header.html.j2", header=header)

    def home(self, index: str) -> Markup:
        """The head of a behaviour's own page."""
        return self._template("home.html.j2", index=index)

    def first(self, groups: tuple[Group, ...], models: tuple[str, ...]) -> Markup:
        """Filter, problems, matrix and comparisons."""
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
        """What a behaviour's own page says of it that stands on the first page otherwise."""
        compared = tests.of(group.behaviour) if tests else ()
        return self._template(
            "alone.html.j2",
            problems=problems((group,)),
            doubted=_doubted((group,)),
            compared=compared,
            method=tests.method if tests and compared else "",
        )

    def behaviour(self, behaviour: BehaviourSection, full: frozenset[str], alone: str = "") -> Markup:
        """A behaviour, with the details of those of its models whose anchors are in `full`."""
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
        """Bytes that a model's details take, and the legend that goes with them."""
        full, brief = (self._model(name, behaviour, model) for name in ("full.html.j2", "brief.html.j2"))
        legend = LEGEND if model.heatmaps else 0
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
            to=self._to, chart=intervals, curve_size=faithfulness, traced=TRACED, **values
        )
        return Markup(text)  # noqa: S704 — the template has escaped whatever stands in it


def _doubted(groups: Sequence[Group]) -> tuple[Pair, ...]:
    """Behaviours on models that give reason to doubt what they measure."""
    return tuple(pair for group in groups for pair in group.pairs if pair.lints)


NOT_PASSED = ("fail", "drift", "error", "inconclusive")  # css of what the choice "not passed" shows


@dataclass(frozen=True)
class Choices:
    """Values and words of each control's options."""

    verdicts: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    marks: tuple[str, ...]


def choices(rows: Sequence[Row], models: Sequence[str]) -> Choices:
    """The verdicts, models and marks that occur in the matrix."""
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
    """The text, as it stands between the tags, and its source expression for `script-src`."""

    text: Markup
    source: str


@cache
def script() -> Script:
    """All `.js` files beside the templates, in the order of their names."""
    folder = resources.files("mi_checks.report") / "templates"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError("the report's script holds what would end it or change its hash")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return Script(Markup(text), f"'sha256-{digest}'")  # noqa: S704 — our own files
