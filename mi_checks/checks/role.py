"""`role`: a role is bound to the nodes in the lock file. Every role of a behaviour has one such check."""

from __future__ import annotations

from collections.abc import Mapping

from mi_checks.checks.verdict import Verdict
from mi_checks.output.numbers import number
from mi_checks.results.claim import Claim
from mi_checks.roles.role_binding import RoleBinding
from mi_checks.spec.check import Bound
from mi_checks.spec.problems import comma_list
from mi_checks.spec.roles import LOCK_FILE_NAME

MAX_NAMED_CANDIDATES = 3  # nodes with the highest scores, if none has the required score


def check_role(binding: RoleBinding, locked: Mapping[str, float] | None, model: str, *, free: bool) -> Verdict:
    """Compare the nodes of a role with those in the lock file.

    A role moves if the set of its nodes changes; scores alone may change. The scores are facts about the weights and
    the probe prompts, not estimates over prompts, so there is no interval and no inconclusive outcome.

    Args:
        binding: the nodes to which the role is bound now.
        locked: the nodes in the lock file with their scores; None if it has none for this role.
        model: the name of the model.
        free: whether the lock file is ignored, because the behaviour does not name the model or the lock file is about
            to be written.
    """
    bound = Bound(at_least=binding.at_least)
    now = scores_text(binding.nodes)
    claim = Claim(
        "role",
        nodes=tuple(binding.nodes if free and binding.nodes else locked or ()),
        role=binding.role,
        score=binding.score,
        n=binding.most or 0,
        against="" if free else LOCK_FILE_NAME,
        at_least=binding.at_least,
    )
    if free and binding.nodes:
        return Verdict("pass", claim, None, bound, "")
    if not binding.nodes:
        nearest = dict(list(binding.ranked.items())[:MAX_NAMED_CANDIDATES])
        none = f"no {binding.component} of {model} scores at least {binding.at_least:g} as {binding.role}"
        headline = f"{none}; the highest: {scores_text(nearest)}"
        lost = tuple(locked or ())
        return Verdict("fail", claim, None, bound, _old(binding, locked or {}), headline=headline, lost=lost)
    if locked is None:
        headline = f"the role is not in {LOCK_FILE_NAME} yet; it is bound to {now}; pytest --mi-update records it"
        return Verdict("fail", claim, None, bound, "", headline=headline)
    if set(locked) != set(binding.nodes):
        headline = f"the role {binding.role} has moved: {comma_list(locked)} → {comma_list(binding.nodes)}"
        reason = f"now bound to {now}\n{_old(binding, locked)}\nif the move is intended, pytest --mi-update records it"
        lost, gained = (
            tuple(node for node in one if node not in other)
            for one, other in ((locked, binding.nodes), (binding.nodes, locked))
        )
        return Verdict("fail", claim, None, bound, reason, headline=headline, lost=lost, gained=gained)
    return Verdict("pass", claim, None, bound, "")


def scores_text(nodes: Mapping[str, float]) -> str:
    """Return nodes with their scores as messages list them: `L1H1 0.83, L1H2 0.71`."""
    return ", ".join(f"{node} {number(score)}" for node, score in nodes.items())


def _old(binding: RoleBinding, locked: Mapping[str, float]) -> str:
    """Return the nodes in the lock file with their recorded and their present scores."""
    if not locked:
        return ""
    now = {node: binding.score_of(node) for node in locked}
    there = {node: score for node, score in now.items() if score is not None}
    gone = [node for node, score in now.items() if score is None]
    outside = [f"{comma_list(gone)} outside the model"] if gone else []
    present_scores = "; ".join(([scores_text(there)] if there else []) + outside)
    return f"recorded as {scores_text(locked)}\nwhose scores are now {present_scores}"
