"""The mutations of each kind of check: edits of the weights under which its claim is false.

A mutation is left out where the claim would stay true by construction: a logit difference against the corrupt prompt is
not tested on a model without heads if the prompts differ at END, and a mediator is not exchanged with another mediator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mi_checks.checks.circuits import Circuits
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.engine.nodes import Node
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.models.model_names import bundled_models
from mi_checks.mutants.exchange_partners import (
    by_attention,
    by_composition,
    by_fraction_recovered,
    exchange_by_layer,
    exchange_together,
    group_size,
    heads_among,
    reversed_rank,
)
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.mutation_target import MutationTarget, nodes_of_check
from mi_checks.mutants.node_mutations import (
    KINDS_WITH_OUTPUT,
    NegatedLogits,
    NegatedNodes,
    SilencedHeads,
    UniformHeads,
    ZeroedNodes,
)
from mi_checks.mutants.path_mutations import CUTTABLE_KINDS, CutPath
from mi_checks.spec.behaviour import PREFERENCE_KINDS, Behaviour, ModelEntry
from mi_checks.spec.check import Check
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.spec.node_checks import AblationCheck, AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck, PathHop
from mi_checks.spec.preference_checks import AccuracyCheck, LogitDiffCheck
from mi_checks.spec.roles import RoleCheck


def negated_logits(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits; for an upper bound, only if the negated value is above the bound."""
    if claim.from_below or claim.bound is None:
        return (NegatedLogits(),)
    unpatched, against = claim.measured.unpatched, getattr(claim.check, "against", "foils")
    values = unpatched.effect_size if against == "corrupt" else unpatched.clean.logit_diff
    negated_nodes = (values < 0).mean() if isinstance(claim.check, AccuracyCheck) else -values.mean()
    return (NegatedLogits(),) if claim.bound.at_most is not None and negated_nodes > claim.bound.at_most else ()


def silenced_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation without heads, for a claim against the corrupt prompt.

    Without heads, a difference between the prompts cannot reach END, unless the prompts differ there already.
    """
    against = getattr(claim.check, "against", "foils")
    ends = ((pair.clean.tokens[-1], len(pair.clean.tokens), pair.corrupt) for pair in claim.measured.batch.pairs)
    alike = all(token == other.tokens[-1] and length == len(other.tokens) for token, length, other in ends)
    return (SilencedHeads(),) if against == "corrupt" and alike and claim.from_below else ()


def bundled_models_with(behaviour: Behaviour) -> tuple[str, ...]:
    """Return the bundled models declared to have a behaviour, first those held to the same bounds as an absent one."""
    ship = bundled_models()
    entries = {
        name: entry for name, entry in behaviour.models.items() if name in ship and isinstance(entry, ModelEntry)
    }
    preferences = [entry.check for entry in behaviour.checks if entry.check.kind in PREFERENCE_KINDS]

    def held_to_less(name: str) -> bool:
        return any(check.id in entries[name].bounds or not behaviour.claims(check, name) for check in preferences)

    return tuple(sorted(entries, key=held_to_less))  # the sort is stable, so ties stay in the order of the file


def read_same_prompts(loaded_model: LoadedModel, other: LoadedModel) -> bool:
    """Return whether two models read the same prompts."""
    return loaded_model.prompt_dependencies == other.prompt_dependencies


def nodes_zeroed_together(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation in which all nodes together write nothing."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in KINDS_WITH_OUTPUT))
    return (ZeroedNodes(nodes),) if nodes and claim.from_below else ()


def nodes_zeroed_singly(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return mutations in which one node each writes nothing, for a claim about each node by itself."""
    return tuple(ZeroedNodes((node,)) for node in sorted(claim.nodes) if node.kind in KINDS_WITH_OUTPUT)


def negated_nodes(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation in which the claimed neurons and MLPs write the opposite."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in ("neuron", "mlp")))
    return (NegatedNodes(nodes),) if nodes and claim.from_below else ()


def exchanged_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return an exchange of all heads at once; if some head has no partner, all of them write the opposite instead."""
    at = getattr(claim.check, "at", None)
    heads, shape = claim.heads, claim.measured.loaded_model.shape
    if not heads:
        return ()
    rank = by_fraction_recovered(claim.measured, heads, at)
    exchanged_heads = exchange_together(heads, shape, rank if claim.from_below else reversed_rank(rank))
    return exchanged_heads or ((NegatedNodes(heads),) if claim.from_below else ())


def exchanged_mediators(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return exchanges of the claimed heads of each layer with heads that are not mediators."""
    check = cast("MediatorsCheck", claim.check)
    shape = claim.measured.loaded_model.shape
    if check.component == "neuron" or (check.component in ("k", "v") and group_size(shape) > 1):
        return ()
    sweep = claim.measured.sweep(check.component, check.layers, check.at)
    shares = dict(zip(sweep.nodes, sweep.fractions.tolist(), strict=True))

    def rank(head: Node) -> float | None:
        share = shares.get(Node(head.layer, check.component, head.index))
        return share if share is not None and share < check.above else None

    return exchange_by_layer(claim.heads, shape, rank)


def exchanged_attention_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return exchanges in each layer with the heads that attend there least, or most if the claim is an upper bound."""
    check = cast("AttentionCheck", claim.check)
    rank = by_attention(claim.measured, check.from_, check.to)
    return exchange_by_layer(
        claim.heads, claim.measured.loaded_model.shape, rank if claim.from_below else reversed_rank(rank)
    )


def uniform_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return mutations in which one head each attends uniformly."""
    return tuple(UniformHeads((head,)) for head in claim.heads) if claim.from_below else ()


ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # role scores that depend on attention alone


def exchanged_role_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return exchanges of the heads of each layer with any others: the role moves with them."""
    return exchange_by_layer(claim.heads, claim.measured.loaded_model.shape, lambda _head: 0.0)


def disabled_role_heads(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return mutations in which one head each no longer scores: it attends uniformly, or else writes nothing."""
    by_attention_alone = cast("RoleCheck", claim.check).role.score in ATTENTION_SCORES
    return tuple(UniformHeads((head,)) if by_attention_alone else ZeroedNodes((head,)) for head in claim.heads)


def exchanged_writers(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return an exchange of all writers, as a reader needs only one, with heads that compose least with the readers."""
    check = cast("ComposesCheck", claim.check)
    readers = receivers(claim.measured, check.to, check.via)
    rank = by_composition(claim.measured, check, readers, writing=True)
    return exchange_together(
        claim.heads, claim.measured.loaded_model.shape, rank if claim.from_below else reversed_rank(rank)
    )


def exchanged_readers(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return exchanges of the readers of each layer with the heads that compose least with the writers."""
    check = cast("ComposesCheck", claim.check)
    shape = claim.measured.loaded_model.shape
    readers = heads_among(claim.measured.nodes(check.to), shape)
    rank = by_composition(claim.measured, check, claim.nodes, writing=False)
    return exchange_by_layer(readers, shape, rank if claim.from_below else reversed_rank(rank))


def cut_compositions(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return cuts for a composition measured on prompts.

    Composition measured in the weights leaves out the norm, through which a cut blinds the readers, so it has none.
    """
    return () if cast("ComposesCheck", claim.check).writes is None else cut_paths(claim)


def cut_paths(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a cut for each hop whose senders write into few directions."""
    check, measured = cast("PathCheck | ComposesCheck", claim.check), claim.measured
    hops = check.hops if isinstance(check, PathCheck) else (PathHop(nodes=check.to, via=check.via),)
    cuts, senders = [], claim.nodes
    for hop in hops:
        if all(sender.kind in CUTTABLE_KINDS for sender in senders):
            cuts.append(CutPath(senders, receivers(measured, hop.nodes, hop.via)))
        senders = () if hop.nodes == TO_LOGITS else measured.nodes(hop.nodes)
    return tuple(cuts) if claim.from_below else ()


def zeroed_members(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation in which the members write nothing, for a claim that the circuit is good."""
    return (ZeroedNodes(tuple(sorted(claim.nodes))),) if _claims_good_circuit(claim) else ()


def exchanged_members(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return an exchange of all heads of the circuit with the heads outside it that matter least."""
    heads = claim.heads
    if not heads or not _claims_good_circuit(claim):
        return ()
    return exchange_together(heads, claim.measured.loaded_model.shape, by_fraction_recovered(claim.measured, heads))


def zeroed_others(claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation in which only the circuit writes, so that it is everything, for a claim that it is not good."""
    check = cast("CircuitCheck", claim.check)
    if _claims_good_circuit(claim) or check.nodes is None or check.aspect == "minimal":
        return ()
    universe = Circuits(claim.measured, check.among, check.with_).universe
    return (ZeroedNodes(tuple(node for node in universe if node not in claim.nodes)),)


def negated_curve_logits(_claim: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits: the score is then negative, and no fraction of it can be retained."""
    return (NegatedLogits(),)


def _claims_good_circuit(claim: MutationTarget) -> bool:
    """Return whether the check claims that the circuit is good; for completeness this is a small difference."""
    if cast("CircuitCheck", claim.check).aspect == "completeness":
        return claim.bound is not None and claim.bound.at_most is not None
    return claim.from_below


Make = Callable[[MutationTarget], tuple[Mutation, ...]]


def mutations(check: Check, measured: Measurements) -> tuple[Mutation, ...]:
    """Return the mutations of a check that passes on the unmutated model, each once; empty if none is defined.

    Args:
        check: the check.
        measured: measurements of the unmutated model.

    Raises:
        MiChecksError: the claim names nodes that cannot be resolved, or the heads to compare cannot be measured.
    """
    bound = measured.behaviour.bound_for(check, measured.loaded_model.name)
    claim = MutationTarget(check, bound, nodes_of_check(check, measured), measured)
    return tuple(dict.fromkeys(mutation for make in MAKERS.get(type(check), ()) for mutation in make(claim)))


MAKERS: dict[type[Check], tuple[Make, ...]] = {
    LogitDiffCheck: (negated_logits, silenced_heads),
    AccuracyCheck: (negated_logits, silenced_heads),
    PatchingCheck: (nodes_zeroed_together, exchanged_heads, negated_nodes),
    AblationCheck: (nodes_zeroed_together, exchanged_heads, negated_nodes),
    MediatorsCheck: (nodes_zeroed_singly, exchanged_mediators, negated_nodes),
    AttentionCheck: (uniform_heads, exchanged_attention_heads),
    DirectLogitAttributionCheck: (nodes_zeroed_together, exchanged_heads, negated_nodes),
    PathCheck: (nodes_zeroed_together, exchanged_heads, cut_paths),
    ComposesCheck: (exchanged_writers, exchanged_readers, cut_compositions),
    CircuitCheck: (zeroed_members, exchanged_members, zeroed_others),
    CurveCheck: (negated_curve_logits,),
    RoleCheck: (exchanged_role_heads, disabled_role_heads),
}
