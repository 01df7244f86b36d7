"""The parts of a report's page, read from its HTML, for comparison with a page that shows other models in full.

The size budget (`mi_checks/report/single_page.py`) decides how many models are shown in full, and the rounding of
another machine may change which. Design, time and place of the run are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from html.parser import HTMLParser
from itertools import zip_longest
from typing import TypeVar

from gallery.findings import equal_up_to_rounding

IGNORED_TAGS = {"style", "script"}
# classes with the time, duration, command and machine, which differ from run to run
IGNORED_CLASSES = {"when", "setup", "command", "facts"}
PERCENT_CLASSES = {"looks", "pattern"}  # classes with whole percentages, which rounding on another machine may change
VOID_TAGS = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Element:
    """A tag with its contents."""

    tag: str
    classes: frozenset[str] = frozenset()
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def elements(self) -> list[Element]:
        """Return the elements directly inside."""
        return [child for child in self.children if isinstance(child, Element)]

    def all(self, tag: str, css: str = "") -> Iterator[Element]:
        """Yield every element of this tag and class inside, at any depth, in the order of the page."""
        for child in self.elements:
            if child.tag == tag and (not css or css in child.classes):
                yield child
            yield from child.all(tag, css)

    def first(self, tag: str, css: str = "") -> Element:
        """Return the first element of this tag and class inside, or an empty one."""
        return next(self.all(tag, css), Element(tag))

    @property
    def lines(self) -> list[str]:
        """Return the texts that do not depend on the run, each as one line."""
        return list(_lines(self))

    @property
    def text(self) -> str:
        """Return these texts as one line."""
        return " ".join(self.lines)


def read(html: str) -> Element:
    """Parse a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.root


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        element = Element(tag, frozenset(given.get("class", "").split()), given)
        self._open[-1].children.append(element)
        if tag not in VOID_TAGS:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].tag == tag:
                del self._open[place:]
                break

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def _lines(element: Element, *, percents: bool = False) -> Iterator[str]:
    if element.tag in IGNORED_TAGS or element.classes & IGNORED_CLASSES:
        return
    percents = percents or bool(element.classes & PERCENT_CLASSES)
    for child in element.children:
        if isinstance(child, Element):
            # A chart's numbers are also in the text beside it, and in its title and description.
            if element.tag != "svg" or child.tag in ("title", "desc"):
                yield from _lines(child, percents=percents)
        elif child.strip():
            line = " ".join(child.split())
            if percents and element.tag in ("small", "td") and line.isdigit():
                line = f"{int(line) / 100:.2f}"
            yield re.sub(r"(?<![\w.])([−-]?)\.(?=\d)", r"\g<1>0.", line)


MIN_FULL_FRACTION = 0.5  # minimum fraction of the models shown in full that must still be; rounding changes one or two
CONTROLS = "Negative controls"
BUDGET_CLASSES = {"legend", "note"}  # CSS classes that depend on what is drawn, and on what is left out
MAX_LINES = 3  # lines printed for one part
MUTANTS_KILLED = re.compile(r"\d+ of \d+ mutants? killed")
PartKey = tuple[str, str]  # behaviour, model
Part = TypeVar("Part")


@dataclass(frozen=True)
class ModelPart:
    """The part of a page about a behaviour on a model.

    Attributes:
        claims: the claim, the bound and n of each check, which have to be identical.
        brief: the verdict, and each check's outcome, value and interval, which both forms have.
        full: every line if the model is shown in full; () if it is shown in brief.
    """

    claims: tuple[str, ...]
    brief: tuple[str, ...]
    full: tuple[str, ...] = ()


@dataclass(frozen=True)
class BehaviourPart:
    """The part of a page about a behaviour: its written text, which has to be identical, and its controls."""

    written: tuple[str, ...]
    controls: tuple[str, ...]


@dataclass(frozen=True)
class PageParts:
    """The parts of a page: the run, the table of verdicts, each behaviour, and each behaviour on each model."""

    first: tuple[str, ...]
    cells: Mapping[PartKey, tuple[str, ...]]  # cells of the table; the key with "" as the model has the row's name
    behaviours: Mapping[str, BehaviourPart]
    models: Mapping[PartKey, ModelPart]


def page_parts(html: str) -> PageParts:
    """Return the parts of a page; a page that is not a report has only the first."""
    page = read(html)
    behaviours: dict[str, BehaviourPart] = {}
    models: dict[PartKey, ModelPart] = {}
    main = page.first("main")
    sections = [each for each in main.elements if "behaviour" in each.classes]
    for section in sections:
        name = section.first("h2").text
        claims = dict(_claims(section))
        written: list[str] = []
        controls: list[str] = []
        for child in section.elements:
            if "model" in child.classes:
                models[name, child.first("h3").text] = _model_in_full(child)
            elif any(child.all("table", "brief")):
                for group in child.all("tbody"):
                    models[name, group.first("b").text] = _model_in_brief(group, claims)
            elif child.text.startswith(CONTROLS):
                controls += child.lines
            elif not child.classes & BUDGET_CLASSES:
                written += child.lines
        behaviours[name] = BehaviourPart(tuple(written), tuple(controls))
    _remove(main, sections)
    cells = dict(_cells(page.first("table", "matrix").first("tbody")))
    return PageParts(tuple(page.lines), cells, behaviours, models)


def part_changes(old: PageParts, new: PageParts) -> list[str]:
    """Return the differences that neither the rounding of another machine nor the page's budget explains."""
    differences = list(_first_lines(_number_changes(old.first, new.first)))
    for name in dict.fromkeys((*old.behaviours, *new.behaviours)):
        differences += _part_change_lines(name, old.behaviours.get(name), new.behaviours.get(name), _behaviour_changes)
    for key in dict.fromkeys((*old.cells, *new.cells)):
        differences += _part_change_lines(
            f"verdicts: {_key_text(key)}", old.cells.get(key), new.cells.get(key), _number_changes
        )
    for key in dict.fromkeys((*old.models, *new.models)):
        differences += _part_change_lines(_key_text(key), old.models.get(key), new.models.get(key), _model_changes)
    full, still = (sum(bool(part.full) for part in page.models.values()) for page in (old, new))
    if still < MIN_FULL_FRACTION * full:
        differences.append(f"given in full: {full} → {still} models, each of one behaviour")
    return differences


def _key_text(key: PartKey) -> str:
    return " on ".join(filter(None, key))


def _part_change_lines(
    where: str, old: Part | None, new: Part | None, changed: Callable[[Part, Part], Iterable[str]]
) -> Iterator[str]:
    if old is None or new is None:
        yield f"{where} is {'new' if old is None else 'gone'}"
        return
    yield from (f"{where}: {line}" for line in _first_lines(changed(old, new)))


def _first_lines(lines: Iterable[str]) -> Iterator[str]:
    all_lines = list(lines)
    yield from all_lines[:MAX_LINES]
    if len(all_lines) > MAX_LINES:
        yield f"and {len(all_lines) - MAX_LINES:,} more lines"


def _behaviour_changes(old: BehaviourPart, new: BehaviourPart) -> Iterator[str]:
    yield from _text_changes(old.written, new.written)
    yield from _number_changes(old.controls, new.controls)


def _model_changes(old: ModelPart, new: ModelPart) -> Iterator[str]:
    yield from _text_changes(old.claims, new.claims)
    yield from _number_changes(old.brief, new.brief)
    if old.full and new.full:
        yield from _number_changes(old.full, new.full)


def _number_changes(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    """Yield differences between lines with measured numbers."""
    pairs = (
        (before, after) for before, after in zip(old, new, strict=False) if not equal_up_to_rounding(before, after)
    )
    yield from (f"{before} → {after}" for before, after in pairs)
    yield from _replacements(old[len(new) :], new[len(old) :])


def _text_changes(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    """Yield differences between lines of written text, in which every digit counts."""
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal":
            yield from _replacements(old[a:b], new[c:d])


def _replacements(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{before} → {after}" for before, after in zip_longest(old, new, fillvalue="(nothing)"))


def _cells(table: Element) -> Iterator[tuple[PartKey, tuple[str, ...]]]:
    """Yield the cells of the table of verdicts, and remove them from it."""
    for row in table.elements:
        head, *cells = row.elements
        name = head.first("a").text
        yield (name, ""), tuple(head.lines)
        for cell in cells:
            yield (name, cell.attributes.get("data-m", "")), tuple(cell.lines)
    table.children = []


def _remove(of: Element, gone: list[Element]) -> None:
    these = set(map(id, gone))
    of.children = [child for child in of.children if id(child) not in these]


def _claims(section: Element) -> Iterator[tuple[str, str]]:
    claims = section.first("dl", "claims")
    for check, claim in zip(claims.all("dt"), claims.all("dd"), strict=True):
        yield check.text, claim.lines[0]


def _model_in_full(section: Element) -> ModelPart:
    marked = section.first("span", "mark")
    note, counted, *_ = section.first("div", "bar").all("p")  # then the worst rows of fixed factors
    verdict = ", ".join([marked.text, *(each.text for each in note.all("span", "quiet"))])
    claims, brief = [], [f"{verdict}, {counted.text.partition(' checks')[0]}"]
    for row in section.first("table", "checks").first("tbody").elements:
        outcome, claim, measured, bound, n, _ = row.elements
        check = claim.first("span", "id").text
        mutants = claim.first("details", "mutants").first("summary").text
        claims.append(_claim(check, claim.first("span", "claim").text, bound, n))
        value = " ".join(each.text for each in measured.elements if each.tag != "small")
        brief.append(_outcome(check, outcome, value, mutants))
    return ModelPart(tuple(claims), tuple(brief), tuple(section.lines))


def _model_in_brief(group: Element, of_behaviour: Mapping[str, str]) -> ModelPart:
    first, *rows = group.elements
    claims, brief = [], [f"{first.first('span').text}, {first.text.rpartition('· ')[2]}"]
    for row in rows:
        outcome, claim, measured, bound, n = row.elements
        check, *details = claim.lines
        mutants = "".join(line for line in details if MUTANTS_KILLED.fullmatch(line))
        # otherwise the claim is the behaviour's claim on most models
        own = [line for line in details if line != mutants and not line.startswith("decided by ")]
        claims.append(_claim(check, own[0] if own else of_behaviour.get(check, ""), bound, n))
        brief.append(_outcome(check, outcome, measured.text, mutants))
    return ModelPart(tuple(claims), tuple(brief))


def _claim(check: str, claim: str, bound: Element, n: Element) -> str:
    return f"{check}: {claim}; bound: {bound.text}; n: {n.text}"


def _outcome(check: str, outcome: Element, value: str, mutants: str) -> str:
    return " ".join(filter(None, [f"{check}:", outcome.text.removesuffix(" why"), value, mutants]))
