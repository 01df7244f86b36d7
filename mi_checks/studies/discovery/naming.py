"""What found heads are called: the roles whose score on probe prompts they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mi_checks.engine.choose_engine import trusted
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.roles.scores import score

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
