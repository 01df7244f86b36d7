"""Emergence for a terminal: behaviours with curves, in order of appearance; then roles and the order of the two."""

from __future__ import annotations

import textwrap

from mi_checks.output.tables import sparkline, terminal_table
from mi_checks.studies.emergence import emergence_words
from mi_checks.studies.emergence.effect_curve import method
from mi_checks.studies.emergence.findings import Emergence, Trained


def lines(emergence: Emergence, width: int) -> list[str]:
    """Return the lines of the result; the table includes intervals if they fit."""
    all_lines: list[str] = []
    for trained in emergence.trained:
        all_lines += [
            emergence_words.headline(trained),
            "",
            *_behaviours(trained, width),
            *_roles(trained),
            *_relations(trained),
        ]
        for why, what in emergence_words.reasons(trained).items():
            all_lines += [*_wrapped(", ".join(what), width), *_wrapped(why, width, "  "), ""]
        all_lines += [*_wrapped(emergence_words.left_out(trained), width), ""] if trained.left_out else []
    all_lines += _wrapped(emergence_words.WHAT, width)
    all_lines += _wrapped(emergence_words.ROLES, width) if any(trained.roles for trained in emergence.trained) else []
    return [line.rstrip() for line in (*all_lines, *_wrapped(method(emergence.tests), width))]


def _behaviours(trained: Trained, width: int) -> list[str]:
    if not trained.appearances:
        return []
    whole = terminal_table(_rows(trained, interval=True))
    values = range(3, 3 + len(trained.series.labels))
    table = whole if max(map(len, whole)) <= width else terminal_table(_rows(trained, interval=False), right=values)
    return [*table, *(line for note in emergence_words.without(trained) for line in _wrapped(note, width)), ""]


def _rows(trained: Trained, *, interval: bool) -> list[list[str]]:
    labels = trained.series.labels
    rows = [["behaviour", "appears", "", *labels]]
    for each in trained.in_order:
        values = [emergence_words.value(each, place, interval=interval) for place in range(len(labels))]
        rows.append(
            [
                emergence_words.label(each),
                emergence_words.when(each, trained.series),
                emergence_words.curve(each),
                *values,
            ]
        )
    return rows


def _roles(trained: Trained) -> list[str]:
    if not trained.roles:
        return []
    labels = trained.series.labels
    rows = [["role", "forms", "", *labels]]
    for role in trained.roles:
        scores = [at.score for at in role.at]
        cells = [emergence_words.bound(role, place) for place in range(len(labels))]
        rows.append(
            [
                emergence_words.definition(role),
                emergence_words.forms(role, trained.series),
                sparkline(scores, from_zero=True),
                *cells,
            ]
        )
    return [*terminal_table(rows), ""]


def _relations(trained: Trained) -> list[str]:
    relations = [emergence_words.relation(each, trained.series) for each in trained.relations]
    return [*relations, ""] if relations else []


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    unbroken = text.replace("95 %", "95\0%")
    folded = textwrap.wrap(unbroken, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in folded]
