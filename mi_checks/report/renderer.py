"""The rendering of a report's parts from templates: the first page, a behaviour in full or in brief, the frame."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mi_checks.output.safe_text import escaped
from mi_checks.report import heatmap
from mi_checks.report.behaviour_results import BehaviourResults, ModelResults, VerdictLabel
from mi_checks.report.behaviour_section import BehaviourSection, ModelSection
from mi_checks.report.circuit_charts import MAX_TRACED_NODES
from mi_checks.report.neighbour_comparisons import NeighbourComparisons, neighbour_comparisons
from mi_checks.report.problem_list import problem_list
from mi_checks.report.report_header import ReportHeader
from mi_checks.report.verdict_matrix import MatrixRow, verdict_matrix

MAX_LEGEND_BYTES = 700  # bytes, an upper bound on the size of a heat map's legend

LinkFunction = Callable[[str], str]  # maps an anchor to the `href` of a link to it


def same_page_link(anchor: str) -> str:
    """Return a link to an anchor on the same page."""
    return f"#{anchor}"


@cache
def template_environment(*packages: str) -> Environment:
    """Return an environment for the templates of these packages and the report's own, with all text escaped.

    Invisible characters are made visible before the escaping.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in (*packages, "mi_checks.report")]),
        autoescape=True,
        auto_reload=False,  # otherwise each use of a template looks whether its file has changed
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escape_invisible,
    )


def _escape_invisible(value: object) -> object:
    """Make invisible characters of a string visible; every string of a page passes through here before escaping."""
    return escaped(value) if isinstance(value, str) and not isinstance(value, Markup) else value


class ReportRenderer:
    """A renderer for one report, which caches each rendered part."""

    def __init__(
        self, templates: Environment, run_path: str, link: LinkFunction = same_page_link, max_examples: int = 99
    ) -> None:
        """Store the settings.

        Args:
            templates: the Jinja environment.
            run_path: the path of the run's JSON file.
            link: returns the `href` of a link to an anchor.
            max_examples: how many example prompts to show per model.
        """
        self._templates = templates
        self._run_path = run_path
        self._link = link
        self._max_examples = max_examples
        self._rendered_models: dict[tuple[str, str], Markup] = {}

    def page(self, title: str, banner: str, body: str, kind: str = "report") -> str:
        """Return a complete document; `kind` is written into its head."""
        return self._render(
            "page.html.j2",
            title=title,
            banner=banner,
            body=body,
            kind=kind,
            script=page_script(),
            colour_classes=heatmap.COLOUR_CLASSES,
            light=heatmap.css_rules(heatmap.LIGHT_COLOURS),
            dark=heatmap.css_rules(heatmap.DARK_COLOURS),
        )

    def banner(self, header: ReportHeader) -> Markup:
        """Return the banner: the totals of the run and how to reproduce it."""
        return self._render("header.html.j2", header=header)

    def home(self, index: str) -> Markup:
        """Return the head of a behaviour's own page."""
        return self._render("home.html.j2", index=index)

    def first_part(self, behaviours: tuple[BehaviourResults, ...], models: tuple[str, ...]) -> Markup:
        """Return the filter, the problems, the verdict matrix and the comparisons of neighbouring models."""
        rows = verdict_matrix(behaviours, models)
        return self._render(
            "first_part.html.j2",
            models=models,
            matrix=rows,
            choices=filter_choices(rows, models),
            problems=problem_list(behaviours),
            models_with_lints=_models_with_lints(behaviours),
            neighbours=neighbour_comparisons(behaviours),
            run_path=self._run_path,
        )

    def behaviour_summary(self, behaviour: BehaviourResults, comparisons: NeighbourComparisons | None) -> Markup:
        """Return the parts about one behaviour that a single-page report shows at the top, for its own page."""
        own_comparisons = comparisons.of(behaviour.behaviour) if comparisons else ()
        return self._render(
            "behaviour_summary.html.j2",
            problems=problem_list((behaviour,)),
            models_with_lints=_models_with_lints((behaviour,)),
            comparisons=own_comparisons,
            method=comparisons.method if comparisons and own_comparisons else "",
        )

    def behaviour(self, behaviour: BehaviourSection, full: frozenset[str], summary: str = "") -> Markup:
        """Return a behaviour, with details for those of its models whose anchors are in `full`."""
        in_full = [model for model in behaviour.models if model.anchor in full]
        in_brief = [model for model in behaviour.models if model.anchor not in full]
        return self._render(
            "behaviour.html.j2",
            behaviour=behaviour,
            behaviour_summary=summary,
            in_full=[self._model("model_in_full.html.j2", behaviour, model) for model in in_full],
            in_brief=[self._model("model_in_brief.html.j2", behaviour, model) for model in in_brief],
            has_heatmaps=any(model.heatmaps for model in in_full),
            run_path=self._run_path,
        )

    def detail_bytes(self, behaviour: BehaviourSection, model: ModelSection) -> int:
        """Return how many bytes a model's details take, including the heat map legend."""
        in_full, in_brief = (
            self._model(name, behaviour, model) for name in ("model_in_full.html.j2", "model_in_brief.html.j2")
        )
        legend = MAX_LEGEND_BYTES if model.heatmaps else 0
        return len(in_full.encode()) - len(in_brief.encode()) + legend

    def _model(self, template: str, behaviour: BehaviourSection, model: ModelSection) -> Markup:
        key = (template, model.anchor)
        if key not in self._rendered_models:
            self._rendered_models[key] = self._render(
                template, behaviour=behaviour, model=model, run_path=self._run_path, max_examples=self._max_examples
            )
        return self._rendered_models[key]

    def _render(self, name: str, **values: Any) -> Markup:
        text = self._templates.get_template(name).render(link=self._link, n_traced=MAX_TRACED_NODES, **values)
        return Markup(text)  # noqa: S704 — the template has escaped everything in it


def _models_with_lints(behaviours: Sequence[BehaviourResults]) -> tuple[ModelResults, ...]:
    """Return the results for which a lint gives a reason to doubt the measurement."""
    return tuple(model for behaviour in behaviours for model in behaviour.models if model.lints)


NOT_PASSED = ("fail", "drift", "error", "inconclusive")  # CSS classes that the filter choice "not passed" shows


@dataclass(frozen=True)
class FilterChoices:
    """The options of each filter control: values and labels."""

    verdicts: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    marks: tuple[str, ...]


def filter_choices(rows: Sequence[MatrixRow], models: Sequence[str]) -> FilterChoices:
    """Return the verdicts, models and marks that occur in the matrix."""
    labels: dict[str, VerdictLabel] = {}
    for row in rows:
        for _, cell in row.cells:
            if cell is not None:
                labels.setdefault(cell.verdict.css, cell.verdict)
    verdicts = [(css, f"{verdict.symbol} {verdict.word}") for css, verdict in labels.items()]
    if any(css in NOT_PASSED for css in labels):
        verdicts.insert(0, ("not-passed", "not passed"))
    marks = sorted({mark for row in rows for mark in row.marks})
    return FilterChoices(tuple(verdicts), tuple(models), tuple(marks))


@dataclass(frozen=True)
class PageScript:
    """The report's script, as it is written between the tags, and its source expression for `script-src`."""

    text: Markup
    source: str


@cache
def page_script() -> PageScript:
    """Return all `.js` files beside the templates, joined in the order of their names.

    Raises:
        ValueError: the script contains text that would end its tag or change its hash.
    """
    folder = resources.files("mi_checks.report") / "templates"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    if "</script" in text.lower() or "<!--" in text or "\r" in text:
        raise ValueError("the report's script contains text that would end its tag or change its hash")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return PageScript(Markup(text), f"'sha256-{digest}'")  # noqa: S704 — our own files
