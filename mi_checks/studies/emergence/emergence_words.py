"""Texts that the terminal, the Markdown page and the HTML page share."""

from __future__ import annotations

from mi_checks.output import numbers
from mi_checks.output.tables import sparkline
from mi_checks.studies.emergence.appearance import Appearance
from mi_checks.studies.emergence.bracket import Bracket
from mi_checks.studies.emergence.checkpoint_series import Series
from mi_checks.studies.emergence.findings import Relation, Trained
from mi_checks.studies.emergence.role_curve import RoleCurve

WHAT = (
    "Mean over prompts of the score (the logit difference, unless a unit is given), by each behaviour's first "
    "logit_diff: on the clean prompts, or (marked Δ) less what it is on the corrupt ones."
)
ROLES = (
    "A role: the node that scores highest on the probe prompts, and its score; ✓ the role is bound there; ≠ at the end "
    "other nodes carry it. It forms where it is first bound; scores are facts about weights, without an interval."
)


def between(bracket: Bracket, series: Series) -> str:
    """Return a bracket in training steps, such as `between 400 and 500` or `by 400`."""
    labels = series.labels
    if bracket.after is None:
        return f"by {labels[bracket.by]}"
    return f"between {labels[bracket.after]} and {labels[bracket.by]}"


def when(appearance: Appearance, series: Series) -> str:
    """Return a verdict, such as `between 400 and 650`, `from the start, gone between 400 and 650` or `cannot tell`."""
    if appearance.kind != "appears" or appearance.appears is None:
        verdict: str = appearance.kind
    elif appearance.appears.after is None:
        verdict = f"{between(appearance.appears, series)}, or from the start"
    else:
        verdict = between(appearance.appears, series)
    return verdict if appearance.goes is None else f"{verdict}, gone {between(appearance.goes, series)}"


def forms(role: RoleCurve, series: Series) -> str:
    """Return when a role is first bound, and whether it still is at the end."""
    if role.forms is None:
        return "never bound"
    text = "from the start" if role.forms.after is None else between(role.forms, series)
    return text if role.goes is None else f"{text}, gone {between(role.goes, series)}"


def definition(role: RoleCurve) -> str:
    """Return a role's name and rule, such as `previous_token ≥ 0.4` or `mover (name_mover ≥ 0.2, the 3 highest)`."""
    most = "" if role.most is None else f", the {role.most} highest"
    bound = f"{role.score} ≥ {role.at_least:g}{most}"
    return bound if role.role == role.score else f"{role.role} ({bound})"


def bound(role: RoleCurve, place: int) -> str:
    """Return a role at one checkpoint, such as `✓ L0H3 0.96` or `≠ L1H4 0.11`."""
    at = role.at[place]
    mark = "✓ " if at.nodes else ""
    other = "" if role.by_carrier(place) else "≠ "
    return f"{mark}{other}{at.node} {numbers.number(at.score)}"


def relation(found: Relation, series: Series) -> str:
    """Return an order, such as `previous_token forms before induction_circuit (between 200 and 400; …)`."""
    behaviour = found.behaviour
    if found.order == "cannot tell":
        clause = f"whether {found.role.role} forms before {behaviour.curve.behaviour} cannot be told"
    else:
        clause = f"{found.role.role} forms {found.order} {behaviour.curve.behaviour}"
    return f"{clause} ({forms(found.role, series)}; {when(behaviour, series)})"


def curve(appearance: Appearance) -> str:
    """Return the behaviour's sparkline, which is flat if no value is significantly above zero."""
    return sparkline(
        appearance.curve.means if appearance.shown else [0.0] * len(appearance.curve.means), from_zero=True
    )


def label(appearance: Appearance) -> str:
    """Return the behaviour's name, with a mark if its effect is clean − corrupt, and the unit if it is not logits."""
    effect = appearance.curve.effects[0]
    unit = "" if effect.estimate.unit == "logits" else f" ({effect.estimate.unit})"
    return f"{'Δ ' if effect.against == 'corrupt' else ''}{effect.behaviour}{unit}"


def value(appearance: Appearance, place: int, *, interval: bool) -> str:
    """Return the effect at a checkpoint, such as `6.33 [5.90, 6.74]`, or without its interval."""
    estimate = appearance.curve.effects[place].estimate
    return numbers.estimate_text(estimate) if interval else numbers.value(estimate)


def headline(trained: Trained) -> str:
    """Return a title, such as `nano-attn-2l at 5 checkpoints of its training, steps 200, 400, 500, 650, 1200`."""
    series = trained.series
    listed = ", ".join(series.labels)
    return f"{series.model} at {len(series.labels)} checkpoints of its training: {'steps ' * series.by_step}{listed}"


def without(trained: Trained) -> tuple[str, ...]:
    """Return why behaviours do not appear, or why the tests are inconclusive: a line for each reason."""
    names_by_reason: dict[str, list[str]] = {}
    for each in trained.in_order:
        if each.reason:
            names_by_reason.setdefault(f"{each.kind}, {each.reason}", []).append(each.curve.behaviour)
    return tuple(f"{', '.join(names)}: {why}" for why, names in names_by_reason.items())


def reasons(trained: Trained) -> dict[str, tuple[str, ...]]:
    """Map each reason why something was not measured to what it concerns, such as `induction at 200`."""
    by_reason: dict[str, tuple[str, ...]] = {}
    for each in trained.unmeasured:
        by_reason[each.reason] = (*by_reason.get(each.reason, ()), f"{each.what} at {each.checkpoint}")
    return by_reason


def left_out(trained: Trained) -> str:
    """Return a sentence about the behaviours that were not selected, or ""."""
    names = trained.left_out
    return f"Not followed, as they say nothing of {trained.series.claims}: {', '.join(names)}." if names else ""
