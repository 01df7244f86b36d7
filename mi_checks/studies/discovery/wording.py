"""What a node does, in words, and what found heads are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mi_checks.engine.choose_engine import trusted
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.roles.role_scores import score
from mi_checks.spec.words import listed
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.found import Found

OVERSHOOT = 1.25  # of the whole: an effect whose whole interval is larger says more about what cancels it
WARNING = "warning: more than the whole, so something else cancels the excess"


def overshoots(estimate: Estimate) -> bool:
    """Return whether an effect is significantly larger than the whole, in either direction."""
    return estimate.low > OVERSHOOT or estimate.high < -OVERSHOOT


def role(node: Node, found: Found) -> str:
    """Return what a node does: mediates, is needed, suppresses, is redundant, is part of a conjunction."""
    effects = found.effects_of(node)
    said = []
    if effects is not None:
        sufficient, needed = node in effects.sufficient, node in effects.needed
        if sufficient:
            said.append("mediates, and is needed" if needed else "mediates, but is not needed alone")
        elif needed:
            said.append("needed, but not sufficient alone")
        if node in effects.suppressing:
            said.append("suppresses the behaviour")
        if any(overshoots(each.share(node)) for each in (effects.recovers, effects.removes)):
            said.append("does more than the whole, so something else cancels part of it")
    for kind, others in found.joints_of(node):
        said.append(f"{kind} {listed(others)}")
    return "; ".join(said) or "no effect of its own"


NAMES = ("previous_token", "duplicate_token", "induction")  # scores that are of where a head looks, from 0 to 1
ENOUGH = 0.3


def named(subject: Subject, nodes: Sequence[Node]) -> Mapping[Node, Mapping[str, float]]:
    """Head → the roles it scores enough for, highest first; none where a model is too small to probe."""
    heads = [node for node in nodes if node.kind == "head"]
    try:
        scores = {name: score(name, subject, trusted(subject)) for name in NAMES} if heads else {}
    except MiChecksError:
        return {}
    found: dict[Node, Mapping[str, float]] = {}
    for head in heads:
        own = {name: float(of_all[head.layer, head.index or 0]) for name, of_all in scores.items()}
        ranked = sorted(own.items(), key=lambda item: -item[1])
        found[head] = {name: value for name, value in ranked if value >= ENOUGH}
    return {head: roles for head, roles in found.items() if roles}
