"""Emergence as text for a terminal and as Markdown, and the phrases that all formats share."""

from __future__ import annotations

import textwrap

from mi_checks.output import numbers
from mi_checks.output.tables import markdown_table, sparkline, terminal_table
from mi_checks.studies.emergence.appearance import Appearance, Bracket, method_text
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import Emergence, RoleCurve, RoleTiming, SeriesResult

EFFECT_NOTE = (
    "Mean over prompts of the score (the logit difference, unless a unit is given), by each behaviour's first "
    "logit_diff: on the clean prompts, or (marked Δ) less what it is on the corrupt ones."
)
ROLE_NOTE = (
    "A role: the node that scores highest on the probe prompts, and its score; ✓ the role is bound there; ≠ at the end "
    "other nodes carry it. It forms where it is first bound; scores are facts about weights, without an interval."
)


def between(bracket: Bracket, series: CheckpointSeries) -> str:
    """Return a bracket in training steps, such as `between 400 and 500` or `by 400`."""
    labels = series.labels
    if bracket.after is None:
        return f"by {labels[bracket.by]}"
    return f"between {labels[bracket.after]} and {labels[bracket.by]}"


def appearance_text(appearance: Appearance, series: CheckpointSeries) -> str:
    """Return a verdict, such as `between 400 and 650`, `from the start, gone between 400 and 650` or `cannot tell`."""
    if appearance.kind != "appears" or appearance.appears is None:
        verdict: str = appearance.kind
    elif appearance.appears.after is None:
        verdict = f"{between(appearance.appears, series)}, or from the start"
    else:
        verdict = between(appearance.appears, series)
    return verdict if appearance.goes is None else f"{verdict}, gone {between(appearance.goes, series)}"


def role_text(role: RoleCurve, series: CheckpointSeries) -> str:
    """Return when a role is first bound, and whether it still is at the end."""
    if role.forms is None:
        return "never bound"
    text = "from the start" if role.forms.after is None else between(role.forms, series)
    return text if role.goes is None else f"{text}, gone {between(role.goes, series)}"


def role_definition(role: RoleCurve) -> str:
    """Return a role's name and rule, such as `previous_token ≥ 0.4` or `mover (name_mover ≥ 0.2, the 3 highest)`."""
    most = "" if role.most is None else f", the {role.most} highest"
    bound = f"{role.score} ≥ {role.at_least:g}{most}"
    return bound if role.role == role.score else f"{role.role} ({bound})"


def role_at(role: RoleCurve, place: int) -> str:
    """Return a role at one checkpoint, such as `✓ L0H3 0.96` or `≠ L1H4 0.11`."""
    at = role.at[place]
    mark = "✓ " if at.nodes else ""
    other = "" if role.by_carrier(place) else "≠ "
    return f"{mark}{other}{at.node} {numbers.number(at.score)}"


def timing_text(found: RoleTiming, series: CheckpointSeries) -> str:
    """Return an order, such as `previous_token forms before induction_circuit (between 200 and 400; …)`."""
    behaviour = found.behaviour
    if found.order == "cannot tell":
        clause = f"whether {found.role.role} forms before {behaviour.curve.behaviour} cannot be told"
    else:
        clause = f"{found.role.role} forms {found.order} {behaviour.curve.behaviour}"
    return f"{clause} ({role_text(found.role, series)}; {appearance_text(behaviour, series)})"


def effect_sparkline(appearance: Appearance) -> str:
    """Return the behaviour's sparkline, which is flat if no value is significantly above zero."""
    return sparkline(
        appearance.curve.means if appearance.shown else [0.0] * len(appearance.curve.means), from_zero=True
    )


def behaviour_label(appearance: Appearance) -> str:
    """Return the behaviour's name, with a mark if its effect is clean − corrupt, and the unit if it is not logits."""
    effect = appearance.curve.effects[0]
    unit = "" if effect.estimate.unit == "logits" else f" ({effect.estimate.unit})"
    return f"{'Δ ' if effect.against == 'corrupt' else ''}{effect.behaviour}{unit}"


def effect_text(appearance: Appearance, place: int, *, interval: bool) -> str:
    """Return the effect at a checkpoint, such as `6.33 [5.90, 6.74]`, or without its interval."""
    estimate = appearance.curve.effects[place].estimate
    return numbers.estimate_text(estimate) if interval else numbers.value(estimate)


def headline(trained: SeriesResult) -> str:
    """Return a title, such as `nano-attn-2l at 5 checkpoints of its training, steps 200, 400, 500, 650, 1200`."""
    series = trained.series
    listed = ", ".join(series.labels)
    return f"{series.model} at {len(series.labels)} checkpoints of its training: {'steps ' * series.by_step}{listed}"


def verdict_notes(trained: SeriesResult) -> tuple[str, ...]:
    """Return why behaviours do not appear, or why the tests are inconclusive: a line for each reason."""
    names_by_reason: dict[str, list[str]] = {}
    for each in trained.in_order:
        if each.reason:
            names_by_reason.setdefault(f"{each.kind}, {each.reason}", []).append(each.curve.behaviour)
    return tuple(f"{', '.join(names)}: {why}" for why, names in names_by_reason.items())


def unmeasured_reasons(trained: SeriesResult) -> dict[str, tuple[str, ...]]:
    """Map each reason why something was not measured to what it concerns, such as `induction at 200`."""
    by_reason: dict[str, tuple[str, ...]] = {}
    for each in trained.unmeasured:
        by_reason[each.reason] = (*by_reason.get(each.reason, ()), f"{each.what} at {each.checkpoint}")
    return by_reason


def left_out_text(trained: SeriesResult) -> str:
    """Return a sentence about the behaviours that were not selected, or ""."""
    names = trained.left_out
    return f"Not followed, as they say nothing of {trained.series.claims}: {', '.join(names)}." if names else ""


def text_lines(emergence: Emergence, width: int) -> list[str]:
    """Return the lines of the result; the table includes intervals if they fit."""
    all_lines: list[str] = []
    for trained in emergence.trained:
        all_lines += [
            headline(trained),
            "",
            *_behaviour_table(trained, width),
            *_role_table(trained),
            *_timing_lines(trained),
        ]
        for why, what in unmeasured_reasons(trained).items():
            all_lines += [*_wrapped(", ".join(what), width), *_wrapped(why, width, "  "), ""]
        all_lines += [*_wrapped(left_out_text(trained), width), ""] if trained.left_out else []
    all_lines += _wrapped(EFFECT_NOTE, width)
    all_lines += _wrapped(ROLE_NOTE, width) if any(trained.roles for trained in emergence.trained) else []
    return [line.rstrip() for line in (*all_lines, *_wrapped(method_text(emergence.tests), width))]


def _behaviour_table(trained: SeriesResult, width: int) -> list[str]:
    if not trained.appearances:
        return []
    whole = terminal_table(_behaviour_rows(trained, interval=True))
    values = range(3, 3 + len(trained.series.labels))
    table = (
        whole
        if max(map(len, whole)) <= width
        else terminal_table(_behaviour_rows(trained, interval=False), right=values)
    )
    return [*table, *(line for note in verdict_notes(trained) for line in _wrapped(note, width)), ""]


def _behaviour_rows(trained: SeriesResult, *, interval: bool) -> list[list[str]]:
    labels = trained.series.labels
    rows = [["behaviour", "appears", "", *labels]]
    for each in trained.in_order:
        values = [effect_text(each, place, interval=interval) for place in range(len(labels))]
        rows.append(
            [
                behaviour_label(each),
                appearance_text(each, trained.series),
                effect_sparkline(each),
                *values,
            ]
        )
    return rows


def _role_table(trained: SeriesResult) -> list[str]:
    if not trained.roles:
        return []
    labels = trained.series.labels
    rows = [["role", "forms", "", *labels]]
    for role in trained.roles:
        scores = [at.score for at in role.at]
        cells = [role_at(role, place) for place in range(len(labels))]
        rows.append(
            [
                role_definition(role),
                role_text(role, trained.series),
                sparkline(scores, from_zero=True),
                *cells,
            ]
        )
    return [*terminal_table(rows), ""]


def _timing_lines(trained: SeriesResult) -> list[str]:
    relations = [timing_text(each, trained.series) for each in trained.relations]
    return [*relations, ""] if relations else []


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    unbroken = text.replace("95 %", "95\0%")
    folded = textwrap.wrap(unbroken, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in folded]


def markdown_lines(emergence: Emergence) -> list[str]:
    """Return the lines of the page, with every effect and its interval."""
    all_lines: list[str] = []
    for trained in emergence.trained:
        all_lines += [f"{headline(trained)}.", "", *_markdown_behaviours(trained), *_markdown_roles(trained)]
        relations = [f"- {timing_text(each, trained.series)}" for each in trained.relations]
        reason_lines = [
            f"- {', '.join(what)}: {' '.join(why.split())}" for why, what in unmeasured_reasons(trained).items()
        ]
        left = [left_out_text(trained)] if trained.left_out else []
        for block in (relations, reason_lines, left):
            all_lines += [*block, ""] if block else []
    all_lines += [EFFECT_NOTE, ""]
    all_lines += [ROLE_NOTE, ""] if any(trained.roles for trained in emergence.trained) else []
    return [*all_lines, method_text(emergence.tests)]


def _markdown_behaviours(trained: SeriesResult) -> list[str]:
    if not trained.appearances:
        return []
    places = range(len(trained.series.labels))
    rows = [
        [
            behaviour_label(each),
            appearance_text(each, trained.series),
            effect_sparkline(each),
            *(effect_text(each, place, interval=True) for place in places),
        ]
        for each in trained.in_order
    ]
    notes = [f"- {line}" for line in verdict_notes(trained)]
    return [
        *markdown_table(["behaviour", "appears", "", *trained.series.labels], rows),
        "",
        *notes,
        *([""] if notes else []),
    ]


def _markdown_roles(trained: SeriesResult) -> list[str]:
    if not trained.roles:
        return []
    places = range(len(trained.series.labels))
    rows = [
        [
            role_definition(role),
            role_text(role, trained.series),
            sparkline([at.score for at in role.at], from_zero=True),
            *(role_at(role, place) for place in places),
        ]
        for role in trained.roles
    ]
    return [*markdown_table(["role", "forms", "", *trained.series.labels], rows), ""]
