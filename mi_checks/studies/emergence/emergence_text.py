"""Emergence as text for a terminal and as Markdown, and the phrases that all formats share."""

from __future__ import annotations

import textwrap

from mi_checks.output import numbers
from mi_checks.output.tables import markdown_table, sparkline, terminal_table
from mi_checks.studies.emergence.appearance import Appearance, Bracket, method_text
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import Emergence, RoleCurve, RoleTiming, SeriesResult

EFFECT_NOTE = (
    "Mean score over prompts (the logit difference, unless a unit is given) by each behaviour's first logit_diff: on "
    "the clean prompts, or clean − corrupt (marked Δ)."
)
ROLE_NOTE = (
    "Roles: the node with the highest score on the probe prompts, and that score; ✓: the role is bound at that "
    "checkpoint; ≠: at the end it is bound to other nodes. A role forms where it is first bound. Scores follow from "
    "the weights alone and have no interval."
)


def between(bracket: Bracket, series: CheckpointSeries) -> str:
    """Return a bracket in training steps, such as `between 400 and 500` or `by 400`."""
    labels = series.labels
    if bracket.after is None:
        return f"by {labels[bracket.by]}"
    return f"between {labels[bracket.after]} and {labels[bracket.by]}"


def appearance_text(appearance: Appearance, series: CheckpointSeries) -> str:
    """Return a verdict, such as `between 400 and 650`, `from the start, gone between 400 and 650` or `inconclusive`."""
    if appearance.kind != "appears" or appearance.appears is None:
        verdict: str = appearance.kind
    elif appearance.appears.after is None:
        verdict = f"{between(appearance.appears, series)}, or from the start"
    else:
        verdict = between(appearance.appears, series)
    return verdict if appearance.disappears is None else f"{verdict}, gone {between(appearance.disappears, series)}"


def role_text(role: RoleCurve, series: CheckpointSeries) -> str:
    """Return when a role is first bound, and whether it still is at the end."""
    if role.forms is None:
        return "never bound"
    text = "from the start" if role.forms.after is None else between(role.forms, series)
    return text if role.disappears is None else f"{text}, gone {between(role.disappears, series)}"


def role_definition(role: RoleCurve) -> str:
    """Return a role's name and rule, such as `previous_token ≥ 0.4` or `mover (name_mover ≥ 0.2, the 3 highest)`."""
    most = "" if role.most is None else f", the {role.most} highest"
    bound = f"{role.score} ≥ {role.at_least:g}{most}"
    return bound if role.role == role.score else f"{role.role} ({bound})"


def role_at(role: RoleCurve, place: int) -> str:
    """Return a role at one checkpoint, such as `✓ L0H3 0.96` or `≠ L1H4 0.11`."""
    at = role.at[place]
    mark = "✓ " if at.nodes else ""
    other = "" if role.is_led_by_final_node(place) else "≠ "
    return f"{mark}{other}{at.node} {numbers.number(at.score)}"


def timing_text(timing: RoleTiming, series: CheckpointSeries) -> str:
    """Return an order, such as `previous_token forms before induction_circuit (between 200 and 400; …)`."""
    behaviour = timing.behaviour
    if timing.order == "inconclusive":
        clause = f"inconclusive whether {timing.role.role} forms before {behaviour.curve.behaviour}"
    else:
        clause = f"{timing.role.role} forms {timing.order} {behaviour.curve.behaviour}"
    return f"{clause} ({role_text(timing.role, series)}; {appearance_text(behaviour, series)})"


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


def headline(result: SeriesResult) -> str:
    """Return a title, such as `nano-attn-2l at 5 checkpoints of its training, steps 200, 400, 500, 650, 1200`."""
    series = result.series
    listed = ", ".join(series.labels)
    return f"{series.model} at {len(series.labels)} checkpoints of its training: {'steps ' * series.by_step}{listed}"


def verdict_notes(result: SeriesResult) -> tuple[str, ...]:
    """Return why behaviours do not appear, or why the tests are inconclusive: a line for each reason."""
    names_by_reason: dict[str, list[str]] = {}
    for each in result.in_order:
        if each.reason:
            names_by_reason.setdefault(f"{each.kind}, {each.reason}", []).append(each.curve.behaviour)
    return tuple(f"{', '.join(names)}: {why}" for why, names in names_by_reason.items())


def unmeasured_reasons(result: SeriesResult) -> dict[str, tuple[str, ...]]:
    """Map each reason why something was not measured to what it concerns, such as `induction at 200`."""
    by_reason: dict[str, tuple[str, ...]] = {}
    for each in result.unmeasured:
        by_reason[each.reason] = (*by_reason.get(each.reason, ()), f"{each.what} at {each.checkpoint}")
    return by_reason


def left_out_text(result: SeriesResult) -> str:
    """Return a sentence about the behaviours that were not selected, or ""."""
    names = result.left_out
    return (
        f"Not measured, because they claim nothing about {result.series.claims}: {', '.join(names)}." if names else ""
    )


def text_lines(emergence: Emergence, width: int) -> list[str]:
    """Return the lines of the result; the table includes intervals if they fit."""
    all_lines: list[str] = []
    for result in emergence.series_results:
        all_lines += [
            headline(result),
            "",
            *_behaviour_table(result, width),
            *_role_table(result),
            *_timing_lines(result),
        ]
        for why, what in unmeasured_reasons(result).items():
            all_lines += [*_wrapped(", ".join(what), width), *_wrapped(why, width, "  "), ""]
        all_lines += [*_wrapped(left_out_text(result), width), ""] if result.left_out else []
    all_lines += _wrapped(EFFECT_NOTE, width)
    all_lines += _wrapped(ROLE_NOTE, width) if any(result.roles for result in emergence.series_results) else []
    return [line.rstrip() for line in (*all_lines, *_wrapped(method_text(emergence.tests), width))]


def _behaviour_table(result: SeriesResult, width: int) -> list[str]:
    if not result.appearances:
        return []
    whole = terminal_table(_behaviour_rows(result, interval=True))
    values = range(3, 3 + len(result.series.labels))
    table = (
        whole
        if max(map(len, whole)) <= width
        else terminal_table(_behaviour_rows(result, interval=False), right=values)
    )
    return [*table, *(line for note in verdict_notes(result) for line in _wrapped(note, width)), ""]


def _behaviour_rows(result: SeriesResult, *, interval: bool) -> list[list[str]]:
    labels = result.series.labels
    rows = [["behaviour", "appears", "", *labels]]
    for each in result.in_order:
        values = [effect_text(each, place, interval=interval) for place in range(len(labels))]
        rows.append(
            [
                behaviour_label(each),
                appearance_text(each, result.series),
                effect_sparkline(each),
                *values,
            ]
        )
    return rows


def _role_table(result: SeriesResult) -> list[str]:
    if not result.roles:
        return []
    labels = result.series.labels
    rows = [["role", "forms", "", *labels]]
    for role in result.roles:
        scores = [at.score for at in role.at]
        cells = [role_at(role, place) for place in range(len(labels))]
        rows.append(
            [
                role_definition(role),
                role_text(role, result.series),
                sparkline(scores, from_zero=True),
                *cells,
            ]
        )
    return [*terminal_table(rows), ""]


def _timing_lines(result: SeriesResult) -> list[str]:
    relations = [timing_text(each, result.series) for each in result.relations]
    return [*relations, ""] if relations else []


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    unbroken = text.replace("95 %", "95\0%")
    folded = textwrap.wrap(unbroken, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in folded]


def markdown_lines(emergence: Emergence) -> list[str]:
    """Return the lines of the page, with every effect and its interval."""
    all_lines: list[str] = []
    for result in emergence.series_results:
        all_lines += [f"{headline(result)}.", "", *_markdown_behaviours(result), *_markdown_roles(result)]
        relations = [f"- {timing_text(each, result.series)}" for each in result.relations]
        reason_lines = [
            f"- {', '.join(what)}: {' '.join(why.split())}" for why, what in unmeasured_reasons(result).items()
        ]
        left = [left_out_text(result)] if result.left_out else []
        for block in (relations, reason_lines, left):
            all_lines += [*block, ""] if block else []
    all_lines += [EFFECT_NOTE, ""]
    all_lines += [ROLE_NOTE, ""] if any(result.roles for result in emergence.series_results) else []
    return [*all_lines, method_text(emergence.tests)]


def _markdown_behaviours(result: SeriesResult) -> list[str]:
    if not result.appearances:
        return []
    places = range(len(result.series.labels))
    rows = [
        [
            behaviour_label(each),
            appearance_text(each, result.series),
            effect_sparkline(each),
            *(effect_text(each, place, interval=True) for place in places),
        ]
        for each in result.in_order
    ]
    notes = [f"- {line}" for line in verdict_notes(result)]
    return [
        *markdown_table(["behaviour", "appears", "", *result.series.labels], rows),
        "",
        *notes,
        *([""] if notes else []),
    ]


def _markdown_roles(result: SeriesResult) -> list[str]:
    if not result.roles:
        return []
    places = range(len(result.series.labels))
    rows = [
        [
            role_definition(role),
            role_text(role, result.series),
            sparkline([at.score for at in role.at], from_zero=True),
            *(role_at(role, place) for place in places),
        ]
        for role in result.roles
    ]
    return [*markdown_table(["role", "forms", "", *result.series.labels], rows), ""]
