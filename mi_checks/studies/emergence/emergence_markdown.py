"""Emergence as Markdown: a table of behaviours and one of roles for each series."""

from __future__ import annotations

from mi_checks.output.tables import markdown_table, sparkline
from mi_checks.studies.emergence import emergence_words
from mi_checks.studies.emergence.effect_curve import method
from mi_checks.studies.emergence.findings import Emergence, Trained


def lines(emergence: Emergence) -> list[str]:
    """Return the lines of the page, with every effect and its interval."""
    all_lines: list[str] = []
    for trained in emergence.trained:
        all_lines += [f"{emergence_words.headline(trained)}.", "", *_behaviours(trained), *_roles(trained)]
        relations = [f"- {emergence_words.relation(each, trained.series)}" for each in trained.relations]
        reason_lines = [
            f"- {', '.join(what)}: {' '.join(why.split())}" for why, what in emergence_words.reasons(trained).items()
        ]
        left = [emergence_words.left_out(trained)] if trained.left_out else []
        for block in (relations, reason_lines, left):
            all_lines += [*block, ""] if block else []
    all_lines += [emergence_words.WHAT, ""]
    all_lines += [emergence_words.ROLES, ""] if any(trained.roles for trained in emergence.trained) else []
    return [*all_lines, method(emergence.tests)]


def _behaviours(trained: Trained) -> list[str]:
    if not trained.appearances:
        return []
    places = range(len(trained.series.labels))
    rows = [
        [
            emergence_words.label(each),
            emergence_words.when(each, trained.series),
            emergence_words.curve(each),
            *(emergence_words.value(each, place, interval=True) for place in places),
        ]
        for each in trained.in_order
    ]
    notes = [f"- {line}" for line in emergence_words.without(trained)]
    return [
        *markdown_table(["behaviour", "appears", "", *trained.series.labels], rows),
        "",
        *notes,
        *([""] if notes else []),
    ]


def _roles(trained: Trained) -> list[str]:
    if not trained.roles:
        return []
    places = range(len(trained.series.labels))
    rows = [
        [
            emergence_words.definition(role),
            emergence_words.forms(role, trained.series),
            sparkline([at.score for at in role.at], from_zero=True),
            *(emergence_words.bound(role, place) for place in places),
        ]
        for role in trained.roles
    ]
    return [*markdown_table(["role", "forms", "", *trained.series.labels], rows), ""]
