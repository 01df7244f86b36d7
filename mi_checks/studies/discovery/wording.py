"""Descriptions of nodes in words, and the role names of discovered heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.roles.role_scores import score
from mi_checks.spec.problems import listed
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.found import Found

MAX_FRACTION = 1.25  # fraction of the whole; a larger effect mostly says that another node cancels part of it
WARNING = "warning: more than the whole, so something else cancels the excess"


def overshoots(estimate: Estimate) -> bool:
    """Return whether an effect is significantly larger than the whole, in either direction."""
    return estimate.low > MAX_FRACTION or estimate.high < -MAX_FRACTION


def role(node: Node, found: Found) -> str:
    """Return a description of a node: it mediates, is needed, suppresses, is redundant, or is part of a conjunction."""
    effects = found.effects_of(node)
    clauses = []
    if effects is not None:
        sufficient, needed = node in effects.sufficient, node in effects.needed
        if sufficient:
            clauses.append("mediates, and is needed" if needed else "mediates, but is not needed alone")
        elif needed:
            clauses.append("needed, but not sufficient alone")
        if node in effects.suppressing:
            clauses.append("suppresses the behaviour")
        if any(overshoots(each.share(node)) for each in (effects.recovers, effects.removes)):
            clauses.append("does more than the whole, so something else cancels part of it")
    for kind, others in found.joints_of(node):
        clauses.append(f"{kind} {listed(others)}")
    return "; ".join(clauses) or "no effect of its own"


SCORE_NAMES = ("previous_token", "duplicate_token", "induction")  # scores of attention patterns, from 0 to 1
MIN_SCORE = 0.3


def named(loaded_model: LoadedModel, nodes: Sequence[Node]) -> Mapping[Node, Mapping[str, float]]:
    """Map each head to the roles for which it scores enough, highest first; empty if a model is too small to probe."""
    heads = [node for node in nodes if node.kind == "head"]
    try:
        scores = (
            {name: score(name, loaded_model, replayable_model(loaded_model)) for name in SCORE_NAMES} if heads else {}
        )
    except MiChecksError:
        return {}
    roles_of: dict[Node, Mapping[str, float]] = {}
    for head in heads:
        own = {name: float(of_all[head.layer, head.index or 0]) for name, of_all in scores.items()}
        ranked = sorted(own.items(), key=lambda item: -item[1])
        roles_of[head] = {name: value for name, value in ranked if value >= MIN_SCORE}
    return {head: roles for head, roles in roles_of.items() if roles}
