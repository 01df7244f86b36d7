"""The claims that follow from a discovered mechanism: preferences, nodes, paths, sets of mediators, and the circuit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mi_checks.checks.effect import against
from mi_checks.checks.measurements import Sweep
from mi_checks.engine.interventions import AblationKind
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.output.numbers import precise
from mi_checks.spec.behaviour import PREFERENCE_KINDS, Behaviour, CheckEntry
from mi_checks.spec.circuit_checks import DEFAULT_MINIMAL_BOUND
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.spec.problems import listed
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, require_effect_size
from mi_checks.studies.discovery import held_out_claims
from mi_checks.studies.discovery.circuit_search import PrunedCircuit
from mi_checks.studies.discovery.held_out_claims import (
    CandidateClaim,
    ClaimVerifier,
    DraftLine,
    UnsupportedClaim,
    outcome_text,
)
from mi_checks.studies.discovery.joint_effects import JointEffect
from mi_checks.studies.discovery.mechanism import Mechanism
from mi_checks.studies.discovery.node_effects import TestedSweep
from mi_checks.studies.discovery.path_effects import PathEdge

CHANCE_ACCURACY = 0.5  # the accuracy of a guess; an accuracy that is not above it supports no claim


def preference_claims(behaviour: Behaviour, held_out: ClaimVerifier) -> Iterator[Callable[[], DraftLine]]:
    """Yield a function for each claim, which may raise `NotClaimed`.

    If the file names other models, its claims remain as they are, because these models may be declared absent or held
    to their bounds; this model's bounds are written into its own entry.
    """
    model = held_out.measured.loaded_model.name
    if all(other == model for other in behaviour.models):
        rival = against(behaviour)
        fields = {} if rival == "foils" else {"against": rival}
        yield lambda: held_out.claimed(CandidateClaim("logit_diff", fields, sides=("at_least",)))
        yield lambda: held_out.claimed(CandidateClaim("accuracy", fields, sides=("at_least",), above=CHANCE_ACCURACY))
        return
    for entry in behaviour.checks:
        if entry.check.kind in PREFERENCE_KINDS:
            yield lambda entry=entry: _existing_claim(entry, behaviour, held_out)  # type: ignore[misc]


def _existing_claim(entry: CheckEntry, behaviour: Behaviour, held_out: ClaimVerifier) -> DraftLine:
    check, model = entry.check, held_out.measured.loaded_model.name
    data = entry.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if check.models is not None and model not in check.models:
        return DraftLine(data, note=f"as it was: not of {model}")
    (verdict,) = held_out.run(data)
    bound = check.bound
    if bound is not None and bound.at_most is not None:
        if verdict.outcome == "pass" and verdict.estimate is not None:
            return DraftLine(data, (("", verdict.estimate),), "as it was")
    elif verdict.estimate is not None:
        least = held_out_claims.lower_bound(verdict.estimate, held_out.pairs)
        if least > (CHANCE_ACCURACY if check.kind == "accuracy" else 0.0):
            own = {check.id: {"at_least": least}}
            return DraftLine(data, (("", verdict.estimate),), f"as it was; bound of {model} in its entry", own)
    others = [name for name, own in behaviour.models.items() if own != "absent" and name != model]
    others = [name for name in check.models or others if name in others]
    if not others:
        raise UnsupportedClaim(f"{check.id}: {outcome_text(verdict)}, on the held-out prompts")
    data[check.kind]["models"] = others
    return DraftLine(data, note=f"not of {model}: {outcome_text(verdict)}")


MAX_NODE_CLAIMS = 8  # claims about single needed nodes, and about single suppressing nodes; the strongest are taken
MAX_PATH_CLAIMS = 12  # claims about paths; the strongest are taken
MAX_OPPOSING_PATH_CLAIMS = 6  # claims about paths that work against the behaviour; the strongest are taken
MAX_SET_CLAIMS = 4  # claims about redundant sets, and about conjunctions; the largest are taken


def node_claims(found: Mechanism, heads: str, neurons: str) -> Iterator[CandidateClaim]:
    """Yield the claims about nodes, except those about the mediators of a component and about the circuit.

    Args:
        found: the result of discovery.
        heads: the name to which a behaviour binds the mediating heads.
        neurons: the name to which a behaviour binds the mediating neurons.
    """
    at = {"at": found.at} if found.at else {}
    for name, nodes in ((heads, found.heads.sufficient), (neurons, found.mediating_neurons)):
        if nodes:
            yield CandidateClaim("patching", {"nodes": name, **at}, "recovers")
    for node in _strongest(found, [n for each in found.parts for n in each.needed if n not in each.sufficient]):
        note = "needed, but not sufficient alone"
        yield CandidateClaim("patching", {"nodes": str(node), **at}, "removes", note=note)
    for node in _strongest(found, [n for each in found.parts for n in each.suppressing]):
        effects = found.effects_of(node)
        direction = "recovers" if effects is not None and node in effects.recovers.against else "removes"
        fields = {"nodes": str(node), **at}
        note = "suppresses the behaviour"
        yield CandidateClaim("patching", fields, direction, above=None, below=0.0, note=note)
    for edge in found.paths.found[:MAX_PATH_CLAIMS]:
        yield _path_claim(edge, found, at)
    for edge in found.paths.against[:MAX_OPPOSING_PATH_CLAIMS]:
        yield _path_claim(edge, found, at, against=True)
    yield from _set_claims(found.groups.redundant, "redundant", at)
    yield from _set_claims(found.groups.conjunctions, "conjunction", at)
    yield from _set_claims(found.groups.reinforcing, "reinforce each other", at)


def _strongest(found: Mechanism, nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (-found.strength(node), node))[:MAX_NODE_CLAIMS]


def _path_claim(edge: PathEdge, found: Mechanism, at: Mapping[str, str], *, against: bool = False) -> CandidateClaim:
    to = TO_LOGITS if edge.receiver == LOGITS else str(edge.receiver)
    via = {"via": edge.via} if edge.via else {}
    fields = {"from": str(edge.sender), "to": to, **via, **at}
    direction = "recovers" if edge in found.paths.sufficient else "removes"
    if against:
        return CandidateClaim("path", fields, direction, above=None, below=0.0, note="works against the behaviour")
    return CandidateClaim(
        "path", fields, direction, note="" if direction == "recovers" else "needed, not sufficient alone"
    )


def _set_claims(joints: tuple[JointEffect, ...], what: str, at: Mapping[str, str]) -> Iterator[CandidateClaim]:
    """Yield the claims about each set as a whole, and about each of its nodes alone."""
    claimed: set[tuple[Node, str]] = set()
    for joint in joints[:MAX_SET_CLAIMS]:
        kind, fields, bound = "patching", dict(at), "recovers" if joint.by == "denoising" else "removes"
        if joint.by not in ("denoising", "noising"):
            kind, fields = "ablation", {"with": joint.by}
        together = "all" if len(joint.nodes) > 2 else "both"
        yield CandidateClaim(
            kind, {"nodes": [*map(str, joint.nodes)], **fields}, bound, note=f"{what}: {together} together"
        )
        for node in joint.nodes:
            if (node, joint.by) not in claimed:
                yield CandidateClaim(
                    kind, {"nodes": str(node), **fields}, bound, ("at_most",),
                    above=None, below=joint.together.value, note=f"{what}: one alone",
                )  # fmt: skip
            claimed.add((node, joint.by))


# nodes; `minimal` is not claimed for larger circuits, as it measures a number of circuits that is the square of this
MAX_MINIMAL_NODES = 8


def mediators_claim(mediation: TestedSweep, name: str, held_out: ClaimVerifier, *, screened: bool = False) -> DraftLine:
    """Return the claim that `exactly` the discovered nodes mediate, or `include` them if others are too close.

    Args:
        mediation: a sweep of all nodes of a component, with its conclusions.
        name: the name of the node set that they are bound to.
        held_out: measures the claim.
        screened: whether the sweep's nodes were selected from more.

    Raises:
        NotClaimed: they are not clear of the threshold, the effect size is not above zero on the held-out prompts, or
            the sweep does not have all nodes.
    """
    component, at = mediation.sweep.nodes[0].kind, mediation.sweep.at
    if screened:
        raise UnsupportedClaim(
            f"mediators[{component}]: not every {component} was patched, so nothing is said of all of them"
        )
    sweep = held_out.measured.sweep(component, at=at)  # type: ignore[arg-type]
    try:
        require_effect_size(sweep.effect_size, floor=held_out.measured.floor)
    except NoEffectSize as none:
        raise UnsupportedClaim(f"mediators[{component}]: {none}, on the held-out prompts") from None
    is_found = np.array([node in mediation.found for node in sweep.nodes])
    weakest = _node_fraction(sweep, int(np.where(is_found, sweep.shares, np.inf).argmin()))
    fields: dict[str, Any] = {"component": component, **({"at": at} if at else {})}
    threshold = _clear_threshold(sweep, is_found, mediation.above, held_out.pairs)
    if threshold is not None:
        next_to = (
            () if is_found.all() else (_node_fraction(sweep, int(np.where(is_found, -np.inf, sweep.shares).argmax())),)
        )
        moved = "threshold moved to where every node is clear of it" if threshold != mediation.above else ""
        entry = {"mediators": {**fields, "above": threshold, "exactly": name}}
        return held_out.verified(DraftLine(entry, (weakest, *next_to), moved))
    more, _ = held_out_claims.expected_clear(sweep, mediation.above, held_out.pairs)
    if not more[is_found].all():
        raise UnsupportedClaim(
            f"mediators[{component}]: {weakest[0]} {precise(weakest[1])} is not clear of {mediation.above:g} with "
            f"{held_out.pairs} pairs"
        )
    entry = {"mediators": {**fields, "above": mediation.above, "include": name}}
    return held_out.verified(DraftLine(entry, (weakest,), "not exactly these: others are too near to the threshold"))


def circuit_claim(
    circuit: PrunedCircuit,
    name: str,
    kind: AblationKind,
    held_out: ClaimVerifier,
    faithful: float,
    most: int | None = None,
) -> DraftLine:
    """Return the claim of faithfulness, bounded on both sides, and that the circuit is minimal if that holds.

    Args:
        circuit: the circuit, if there is one.
        name: the name of the node set that its nodes are bound to.
        kind: how the rest is ablated.
        held_out: measures the claim.
        faithful: the required faithfulness.
        most: the number of circuits that there is time to measure for minimality; None for no limit.

    Raises:
        NotClaimed: there is no circuit, it is not faithful enough for any bound, or its faithfulness is too far above
            1.
    """
    if circuit.why:
        raise UnsupportedClaim(f"circuit: {circuit.why}")
    fields = {"nodes": name, **({} if kind == "mean" else {"with": kind})}
    candidate = CandidateClaim("circuit", fields, "faithfulness")
    faithfulness, values = held_out.bounds(candidate)
    if faithfulness.value > 2 - faithful:
        raise UnsupportedClaim(
            f"circuit: {listed(circuit.nodes)} keeps {precise(faithfulness)} of what ablating every head takes away, "
            "on the held-out prompts: more than the whole, so heads outside it work against the behaviour"
        )
    entry = candidate.with_bounds(values)
    line = held_out.verified(DraftLine(entry, (("faithfulness", faithfulness),)))
    if len(circuit.nodes) > MAX_MINIMAL_NODES:
        return DraftLine(entry, line.estimates, f"minimality is not measured of more than {MAX_MINIMAL_NODES} nodes")
    if circuit.restraining:
        why = f"not claimed minimal: without {listed(circuit.restraining)} it would keep more, not less"
        return DraftLine(entry, line.estimates, why)
    if most is not None and len(circuit.nodes) ** 2 > most:
        return DraftLine(entry, line.estimates, "minimality is not measured: it would have taken too long")
    (needed,) = held_out.run({"circuit": {**fields, "minimal": True}})
    if needed.estimate is None or needed.outcome != "pass":
        return DraftLine(entry, line.estimates, f"not claimed minimal: {needed.reason}")
    least = ("least needed node", needed.estimate)
    if held_out_claims.lower_bound(needed.estimate, held_out.pairs) < DEFAULT_MINIMAL_BOUND:
        return DraftLine(entry, (*line.estimates, least), f"not claimed minimal: too near to {DEFAULT_MINIMAL_BOUND:g}")
    entry["circuit"]["minimal"] = True
    return DraftLine(entry, (*line.estimates, least))


def _clear_threshold(sweep: Sweep, is_found: np.typing.NDArray[np.bool_], above: float, pairs: int) -> float | None:
    """Return the closest threshold, within a factor of two, of which every node is clear on its side, or None."""
    grid = [above, *(i / 100 for i in range(1, 100) if above / 2 <= i / 100 <= 2 * above)]
    for threshold in sorted(grid, key=lambda value: abs(value - above)):
        more, less = held_out_claims.expected_clear(sweep, threshold, pairs)
        if np.where(is_found, more, less).all():
            return threshold
    return None


def _node_fraction(sweep: Sweep, place: int) -> tuple[str, Estimate]:
    return str(sweep.nodes[place]), ratio_interval(sweep.recovered[place], sweep.effect_size)
