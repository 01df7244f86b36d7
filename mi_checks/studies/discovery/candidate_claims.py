"""The claims that follow from a discovered mechanism: behaviour, nodes, paths, sets of mediators, and the circuit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mi_checks.checks.effect import against
from mi_checks.checks.measurements import Sweep
from mi_checks.engine.interventions import AblationKind
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.output.numbers import precise
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS, Behaviour, CheckEntry
from mi_checks.spec.circuit_checks import DEFAULT_MINIMAL_BOUND
from mi_checks.spec.edges import LOGITS_NAME
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.spec.problems import comma_list
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoEffectSize, require_effect_size
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
MAX_NODE_CLAIMS = 8  # claims about single needed nodes, and about single suppressing nodes; the strongest are taken
MAX_PATH_CLAIMS = 12  # claims about paths; the strongest are taken
MAX_OPPOSING_PATH_CLAIMS = 6  # claims about paths that oppose the behaviour; the strongest are taken
MAX_SET_CLAIMS = 4  # claims about redundant sets, and about conjunctions; the largest are taken
# nodes; `minimal` is not claimed for larger circuits, as it measures a number of circuits that is the square of this
MAX_MINIMAL_NODES = 8


def behaviour_claims(behaviour: Behaviour, held_out: ClaimVerifier) -> Iterator[Callable[[], DraftLine]]:
    """Yield a function for each claim about logit differences, which may raise `UnsupportedClaim`.

    If the file names other models, its claims remain as they are, because these models may be declared absent or held
    to their bounds; this model's bounds are written into its own entry.
    """
    model = held_out.measured.loaded_model.name
    if all(other == model for other in behaviour.models):
        comparison = against(behaviour)
        fields = {} if comparison == "foils" else {"against": comparison}
        yield lambda: held_out.bounded_claim(CandidateClaim("logit_diff", fields, sides=("at_least",)))
        yield lambda: held_out.bounded_claim(
            CandidateClaim("accuracy", fields, sides=("at_least",), above=CHANCE_ACCURACY)
        )
        return
    for entry in behaviour.checks:
        if entry.check.kind in BEHAVIOUR_KINDS:
            yield lambda entry=entry: _existing_claim(entry, behaviour, held_out)  # type: ignore[misc]


def _existing_claim(entry: CheckEntry, behaviour: Behaviour, held_out: ClaimVerifier) -> DraftLine:
    """Return a check of the file as it is, with this model's own bound if it needs one."""
    check, model = entry.check, held_out.measured.loaded_model.name
    data = entry.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if check.models is not None and model not in check.models:
        return DraftLine(data, note=f"unchanged: it does not apply to {model}")
    (verdict,) = held_out.verdicts(data)
    bound = check.bound
    if bound is not None and bound.at_most is not None:
        if verdict.outcome == "pass" and verdict.estimate is not None:
            return DraftLine(data, (("", verdict.estimate),), "unchanged")
    elif verdict.estimate is not None:
        at_least = held_out_claims.lower_bound(verdict.estimate, held_out.n_check_pairs)
        if at_least > (CHANCE_ACCURACY if check.kind == "accuracy" else 0.0):
            model_bounds = {check.id: {"at_least": at_least}}
            note = f"unchanged; the bound for {model} is in its entry"
            return DraftLine(data, (("", verdict.estimate),), note, model_bounds)
    others = [name for name in behaviour.models if not behaviour.is_absent(name) and name != model]
    others = [name for name in check.models or others if name in others]
    if not others:
        raise UnsupportedClaim(f"{check.id}: {outcome_text(verdict)}, on the held-out prompts")
    data[check.key()]["models"] = others
    return DraftLine(data, note=f"not for {model}: {outcome_text(verdict)}")


def node_claims(mechanism: Mechanism, heads: str, neurons: str) -> Iterator[CandidateClaim]:
    """Yield the claims about nodes, except those about the mediators of a component and about the circuit.

    Args:
        mechanism: the result of discovery.
        heads: the name to which a behaviour binds the mediating heads.
        neurons: the name to which a behaviour binds the mediating neurons.
    """
    at = {"at": mechanism.at} if mechanism.at else {}
    components = mechanism.component_effects
    for name, nodes in ((heads, mechanism.heads.sufficient), (neurons, mechanism.mediating_neurons)):
        if nodes:
            yield CandidateClaim("patching", {"nodes": name, **at}, "recovers")
    for node in _strongest(mechanism, [n for each in components for n in each.needed if n not in each.sufficient]):
        note = "needed, but not sufficient alone"
        yield CandidateClaim("patching", {"nodes": str(node), **at}, "removes", note=note)
    for node in _strongest(mechanism, [n for each in components for n in each.suppressing]):
        effects = mechanism.effects_of(node)
        direction = "recovers" if effects is not None and node in effects.recovers.opposing else "removes"
        fields = {"nodes": str(node), **at}
        note = "suppresses the behaviour"
        yield CandidateClaim("patching", fields, direction, above=None, below=0.0, note=note)
    for edge in mechanism.paths.transmitting[:MAX_PATH_CLAIMS]:
        yield _path_claim(edge, mechanism, at)
    for edge in mechanism.paths.opposing[:MAX_OPPOSING_PATH_CLAIMS]:
        yield _path_claim(edge, mechanism, at, opposing=True)
    joint = mechanism.joint_effects
    yield from _set_claims(joint.redundant, "redundant", at)
    yield from _set_claims(joint.conjunctions, "conjunction", at)
    yield from _set_claims(joint.reinforcing, "reinforce each other", at)


def _strongest(mechanism: Mechanism, nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (-mechanism.strength(node), node))[:MAX_NODE_CLAIMS]


def _path_claim(
    edge: PathEdge, mechanism: Mechanism, at: Mapping[str, str], *, opposing: bool = False
) -> CandidateClaim:
    to = LOGITS_NAME if edge.receiver == LOGITS else str(edge.receiver)
    via = {"via": edge.via} if edge.via else {}
    fields = {"from": str(edge.sender), "to": to, **via, **at}
    direction = "recovers" if edge in mechanism.paths.sufficient else "removes"
    if opposing:
        return CandidateClaim("path", fields, direction, above=None, below=0.0, note="opposes the behaviour")
    note = "" if direction == "recovers" else "needed, but not sufficient alone"
    return CandidateClaim("path", fields, direction, note=note)


def _set_claims(joints: tuple[JointEffect, ...], what: str, at: Mapping[str, str]) -> Iterator[CandidateClaim]:
    """Yield the claims about each set as a whole, and about each of its nodes alone."""
    claimed: set[tuple[Node, str]] = set()
    for joint in joints[:MAX_SET_CLAIMS]:
        kind, fields, bound = "patching", dict(at), "recovers" if joint.method == "denoising" else "removes"
        if joint.method not in ("denoising", "noising"):
            kind, fields = "ablation", {"with": joint.method}
        together = "all" if len(joint.nodes) > 2 else "both"
        nodes = [*map(str, joint.nodes)]
        yield CandidateClaim(kind, {"nodes": nodes, **fields}, bound, note=f"{what}: {together} together")
        for node in joint.nodes:
            if (node, joint.method) not in claimed:
                yield CandidateClaim(
                    kind, {"nodes": str(node), **fields}, bound, ("at_most",),
                    above=None, below=joint.together.value, note=f"{what}: one alone",
                )  # fmt: skip
            claimed.add((node, joint.method))


def mediators_claim(tested: TestedSweep, name: str, held_out: ClaimVerifier, *, complete: bool = True) -> DraftLine:
    """Return the claim that `exactly` the discovered nodes mediate, or `include` them if others are too close.

    Args:
        tested: a sweep of all nodes of a component, with its conclusions.
        name: the name of the node set that they are bound to.
        held_out: measures the claim.
        complete: whether the sweep has all nodes of the component, instead of a selection.

    Raises:
        UnsupportedClaim: they are not clear of the threshold, the effect size is not above zero on the held-out
            prompts, or the sweep does not have all nodes.
    """
    component, at, threshold = tested.sweep.nodes[0].kind, tested.sweep.at, tested.threshold
    if not complete:
        raise UnsupportedClaim(
            f"mediators[{component}]: only a selection of the {COMPONENT_PLURALS[component]} was patched, so no claim "
            "about all of them is possible"
        )
    sweep = held_out.measured.sweep(component, at=at)  # type: ignore[arg-type]
    try:
        require_effect_size(sweep.effect_size, sweep.design, floor=held_out.measured.floor)
    except NoEffectSize as none:
        raise UnsupportedClaim(f"mediators[{component}]: {none}, on the held-out prompts") from None
    is_mediator = np.array([node in tested.significant for node in sweep.nodes])
    weakest = _node_fraction(sweep, int(np.where(is_mediator, sweep.fractions, np.inf).argmin()))
    fields: dict[str, Any] = {"component": component, **({"at": at} if at else {})}
    above = _clear_threshold(sweep, is_mediator, threshold, held_out.n_check_pairs)
    if above is not None:
        strongest_other = int(np.where(is_mediator, -np.inf, sweep.fractions).argmax())
        other = () if is_mediator.all() else (_node_fraction(sweep, strongest_other),)
        note = "threshold moved so that every node is clear of it" if above != threshold else ""
        entry = {"mediators": {**fields, "above": above, "exactly": name}}
        return held_out.verify(DraftLine(entry, (weakest, *other), note))
    more, _ = held_out_claims.expected_clear(sweep, threshold, held_out.n_check_pairs)
    if not more[is_mediator].all():
        raise UnsupportedClaim(
            f"mediators[{component}]: {weakest[0]} {precise(weakest[1])} is not clear of {threshold:g} with "
            f"{held_out.n_check_pairs} pairs"
        )
    entry = {"mediators": {**fields, "above": threshold, "include": name}}
    return held_out.verify(DraftLine(entry, (weakest,), "not `exactly`: other nodes are too close to the threshold"))


def circuit_claim(
    circuit: PrunedCircuit,
    name: str,
    kind: AblationKind,
    held_out: ClaimVerifier,
    faithful: float,
    max_circuits: int | None = None,
) -> DraftLine:
    """Return the claim of faithfulness, bounded on both sides, and that the circuit is minimal if that holds.

    Args:
        circuit: the circuit, if there is one.
        name: the name of the node set that its nodes are bound to.
        kind: how the rest is ablated.
        held_out: measures the claim.
        faithful: the required faithfulness.
        max_circuits: the number of circuits that there is time to measure for minimality; None for no limit.

    Raises:
        UnsupportedClaim: there is no circuit, it is not faithful enough for any bound, or its faithfulness is too far
            above 1.
    """
    if circuit.reason:
        raise UnsupportedClaim(f"circuit: {circuit.reason}")
    fields = {"nodes": name, **({} if kind == "mean" else {"with": kind})}
    candidate = CandidateClaim("circuit", fields, "faithfulness")
    faithfulness, values = held_out.derive_bounds(candidate)
    if faithfulness.value > 2 - faithful:
        raise UnsupportedClaim(
            f"circuit: {comma_list(circuit.nodes)} has a faithfulness of {precise(faithfulness)} on the held-out "
            "prompts, too far above 1, so heads outside it oppose the behaviour"
        )
    entry = candidate.with_bounds(values)
    line = held_out.verify(DraftLine(entry, (("faithfulness", faithfulness),)))

    def not_minimal(reason: str) -> DraftLine:
        return DraftLine(entry, line.estimates, reason)

    if len(circuit.nodes) > MAX_MINIMAL_NODES:
        return not_minimal(f"minimality is not measured for more than {MAX_MINIMAL_NODES} nodes")
    if circuit.opposing:
        return not_minimal(f"not claimed minimal: without {comma_list(circuit.opposing)}, faithfulness would be higher")
    if max_circuits is not None and len(circuit.nodes) ** 2 > max_circuits:
        return not_minimal("minimality is not measured, because it would have taken too long")
    (minimality,) = held_out.verdicts({"circuit": {**fields, "minimal": True}})
    if minimality.estimate is None or minimality.outcome != "pass":
        return not_minimal(f"not claimed minimal: {minimality.reason}")
    least = ("least needed node", minimality.estimate)
    if held_out_claims.lower_bound(minimality.estimate, held_out.n_check_pairs) < DEFAULT_MINIMAL_BOUND:
        return DraftLine(
            entry, (*line.estimates, least), f"not claimed minimal: too close to {DEFAULT_MINIMAL_BOUND:g}"
        )
    entry["circuit"]["minimal"] = True
    return DraftLine(entry, (*line.estimates, least))


def _clear_threshold(sweep: Sweep, is_mediator: np.typing.NDArray[np.bool_], above: float, pairs: int) -> float | None:
    """Return the closest threshold, within a factor of two, of which every node is clear on its side, or None."""
    grid = [above, *(i / 100 for i in range(1, 100) if above / 2 <= i / 100 <= 2 * above)]
    for threshold in sorted(grid, key=lambda value: abs(value - above)):
        more, less = held_out_claims.expected_clear(sweep, threshold, pairs)
        if np.where(is_mediator, more, less).all():
            return threshold
    return None


def _node_fraction(sweep: Sweep, place: int) -> tuple[str, Estimate]:
    (estimate,) = sweep.estimates_of([place])
    return str(sweep.nodes[place]), estimate
