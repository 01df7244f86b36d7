"""A report's page as parts that can be compared with another's, on which other models may be given in full.

How many are is decided by bytes (`mi_checks/report/budget.py`), and the last digits of another machine may tip it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TypeVar

from reports.findings import alike
from reports.reading import Element, read

LEAST = 0.5  # of the models given in full that are still; a last digit moves one or two
CONTROLS = "Negative controls"
OF_THE_BUDGET = {"legend", "note"}  # of what is drawn, and of what is left out
FEW = 3  # lines told of one part
APART = re.compile(r" \(most apart without [^)]*\)")  # what is measured in a claim
KILLED = re.compile(r"\d+ of \d+ mutants? killed")
Key = tuple[str, str]  # behaviour, model
Part = TypeVar("Part")


@dataclass(frozen=True)
class ModelPart:
    """What a page says of a behaviour on a model.

    Attributes:
        claims: of each check the claim, the bound and n: what has to be equal to the letter.
        brief: what else is said in either form: the verdict, and of each check the outcome, the value and its interval.
        full: every line, where it is given in full; () where it is in brief.
    """

    claims: tuple[str, ...]
    brief: tuple[str, ...]
    full: tuple[str, ...] = ()


@dataclass(frozen=True)
class BehaviourPart:
    """What a page says of a behaviour: what was written, which has to be equal to the letter, and its controls."""

    written: tuple[str, ...]
    controls: tuple[str, ...]


@dataclass(frozen=True)
class Parts:
    """What a page says: of the run, in the table of verdicts, of each behaviour, and of each on each model."""

    first: tuple[str, ...]
    cells: Mapping[Key, tuple[str, ...]]  # of the table; with "" for a model, what names the row
    behaviours: Mapping[str, BehaviourPart]
    models: Mapping[Key, ModelPart]


def parts(html: str) -> Parts:
    """The parts of a page; one that is no report has only the first."""
    page = read(html)
    behaviours: dict[str, BehaviourPart] = {}
    models: dict[Key, ModelPart] = {}
    main = page.first("main")
    sections = [each for each in main.elements if "behaviour" in each.classes]
    for section in sections:
        name = section.first("h2").text
        claims = dict(_claims(section))
        written: list[str] = []
        controls: list[str] = []
        for child in section.elements:
            if "model" in child.classes:
                models[name, child.first("h3").text] = _of_full(child)
            elif any(child.all("table", "brief")):
                for group in child.all("tbody"):
                    models[name, group.first("b").text] = _of_brief(group, claims)
            elif child.text.startswith(CONTROLS):
                controls += child.lines
            elif not child.classes & OF_THE_BUDGET:
                written += child.lines
        behaviours[name] = BehaviourPart(tuple(written), tuple(controls))
    _remove(main, sections)
    cells = dict(_cells(page.first("table", "matrix").first("tbody")))
    return Parts(tuple(page.lines), cells, behaviours, models)


def changes(old: Parts, new: Parts) -> list[str]:
    """What the new page says otherwise, by more than another machine's arithmetic and a page's budget can make it."""
    told = list(_few(_changed(old.first, new.first)))
    for name in dict.fromkeys((*old.behaviours, *new.behaviours)):
        told += _between(name, old.behaviours.get(name), new.behaviours.get(name), _of_behaviour)
    for key in dict.fromkeys((*old.cells, *new.cells)):
        told += _between(f"verdicts: {_named(key)}", old.cells.get(key), new.cells.get(key), _changed)
    for key in dict.fromkeys((*old.models, *new.models)):
        told += _between(_named(key), old.models.get(key), new.models.get(key), _of_model)
    full, still = (sum(bool(part.full) for part in page.models.values()) for page in (old, new))
    if still < LEAST * full:
        told.append(f"given in full: {full} → {still} models, each of one behaviour")
    return told


def _named(key: Key) -> str:
    return " on ".join(filter(None, key))


def _between(
    where: str, old: Part | None, new: Part | None, changed: Callable[[Part, Part], Iterable[str]]
) -> Iterator[str]:
    if old is None or new is None:
        yield f"{where} is {'new' if old is None else 'gone'}"
        return
    yield from (f"{where}: {line}" for line in _few(changed(old, new)))


def _few(lines: Iterable[str]) -> Iterator[str]:
    told = list(lines)
    yield from told[:FEW]
    if len(told) > FEW:
        yield f"and {len(told) - FEW:,} more lines"


def _of_behaviour(old: BehaviourPart, new: BehaviourPart) -> Iterator[str]:
    yield from _rewritten(old.written, new.written)
    yield from _changed(old.controls, new.controls)


def _of_model(old: ModelPart, new: ModelPart) -> Iterator[str]:
    yield from _rewritten(old.claims, new.claims)
    yield from _changed(old.brief, new.brief)
    if old.full and new.full:
        yield from _changed(old.full, new.full)


def _changed(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    """Lines with measured numbers."""
    pairs = ((before, after) for before, after in zip(old, new, strict=False) if not alike(before, after))
    yield from (f"{before} → {after}" for before, after in pairs)
    yield from _replaced(old[len(new) :], new[len(old) :])


def _rewritten(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    """Lines that somebody wrote, in which every digit counts."""
    before, after = ([APART.sub("", line) for line in lines] for lines in (old, new))
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            yield from _replaced(old[a:b], new[c:d])


def _replaced(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    yield from (f"{before} → {after}" for before, after in zip_longest(old, new, fillvalue="(nothing)"))


def _cells(table: Element) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """The cells of the table of verdicts, which are taken out of it."""
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
    found = section.first("dl", "claims")
    for check, claim in zip(found.all("dt"), found.all("dd"), strict=True):
        yield check.text, claim.lines[0]


def _of_full(section: Element) -> ModelPart:
    marked, note, counted = section.first("span", "mark"), *section.first("div", "bar").all("p")
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


def _of_brief(group: Element, of_behaviour: Mapping[str, str]) -> ModelPart:
    first, *rows = group.elements
    claims, brief = [], [f"{first.first('span').text}, {first.text.rpartition('· ')[2]}"]
    for row in rows:
        outcome, claim, measured, bound, n = row.elements
        check, *beside = claim.lines
        mutants = "".join(line for line in beside if KILLED.fullmatch(line))
        own = [line for line in beside if line != mutants]  # else it is what the behaviour claims of most models
        claims.append(_claim(check, own[0] if own else of_behaviour.get(check, ""), bound, n))
        brief.append(_outcome(check, outcome, measured.text, mutants))
    return ModelPart(tuple(claims), tuple(brief))


def _claim(check: str, claim: str, bound: Element, n: Element) -> str:
    return f"{check}: {claim}; bound: {bound.text}; n: {n.text}"


def _outcome(check: str, outcome: Element, value: str, mutants: str) -> str:
    return " ".join(filter(None, [f"{check}:", outcome.text.removesuffix(" why"), value, mutants]))
