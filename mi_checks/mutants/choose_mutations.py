"""The mutations of each kind of check: edits of the weights under which its claim is false.

A mutation is left out where the claim would stay true by construction: a logit difference against the corrupt prompt is
not tested on a model without heads if the prompts differ at END, and a mediator is not exchanged with another mediator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.engine.nodes import Node
from mi_checks.mutants.exchange_partners import (
    attention_rank,
    composition_rank,
    exchange_by_layer,
    exchange_together,
    group_size,
    heads_among,
    recovery_rank,
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
from mi_checks.spec.behaviour_checks import AccuracyCheck, LogitDiffCheck
from mi_checks.spec.check import Check
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.edges import LOGITS_NAME
from mi_checks.spec.node_checks import AblationCheck, AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck, PathHop
from mi_checks.spec.roles import ATTENTION_SCORES, RoleCheck


def negated_logits(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits; for an upper bound, only if the negated value is above the bound."""
    if target.claims_large or target.bound is None:
        return (NegatedLogits(),)
    unpatched = target.measurements.unpatched
    values = unpatched.effect_size if target.against == "corrupt" else unpatched.clean.logit_diff
    negated_value = (values < 0).mean() if isinstance(target.check, AccuracyCheck) else -values.mean()
    return (NegatedLogits(),) if target.bound.at_most is not None and negated_value > target.bound.at_most else ()


def silenced_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that silences every head, for a claim against the corrupt prompt.

    Without heads, a difference between the prompts cannot reach END, unless the prompts already differ at END or in
    length.
    """
    ends = ((pair.clean.tokens[-1], len(pair.clean.tokens), pair.corrupt) for pair in target.measurements.batch.pairs)
    alike = all(token == other.tokens[-1] and length == len(other.tokens) for token, length, other in ends)
    return (SilencedHeads(),) if target.against == "corrupt" and alike and target.claims_large else ()


def nodes_zeroed_together(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that zeroes the output of all the nodes at once."""
    nodes = tuple(sorted(node for node in target.nodes if node.kind in KINDS_WITH_OUTPUT))
    return (ZeroedNodes(nodes),) if nodes and target.claims_large else ()


def nodes_zeroed_singly(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one mutation for each node that zeroes its output, for a claim about each node by itself."""
    return tuple(ZeroedNodes((node,)) for node in sorted(target.nodes) if node.kind in KINDS_WITH_OUTPUT)


def negated_nodes(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that negates the output of the claimed neurons and MLPs."""
    nodes = tuple(sorted(node for node in target.nodes if node.kind in ("neuron", "mlp")))
    return (NegatedNodes(nodes),) if nodes and target.claims_large else ()


def exchanged_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return an exchange of all heads at once or, if some head has no partner, negate the output of all of them."""
    at = getattr(target.check, "at", None)
    heads, shape = target.heads, target.measurements.loaded_model.shape
    if not heads:
        return ()
    rank = recovery_rank(target.measurements, heads, at)
    exchanges = exchange_together(heads, shape, rank if target.claims_large else reversed_rank(rank))
    return exchanges or ((NegatedNodes(heads),) if target.claims_large else ())


def exchanged_mediators(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one exchange per layer, of its claimed heads with non-mediators."""
    check = cast("MediatorsCheck", target.check)
    shape = target.measurements.loaded_model.shape
    if check.component == "neuron" or (check.component in ("k", "v") and group_size(shape) > 1):
        return ()
    sweep = target.measurements.sweep(check.component, check.layers, check.at)
    fractions = dict(zip(sweep.nodes, sweep.fractions.tolist(), strict=True))

    def rank(head: Node) -> float | None:
        fraction = fractions.get(Node(head.layer, check.component, head.index))
        return fraction if fraction is not None and fraction < check.above else None

    return exchange_by_layer(target.heads, shape, rank)


def exchanged_attention_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one exchange per layer, with the heads that attend there least, or most if the claim is an upper bound."""
    check = cast("AttentionCheck", target.check)
    rank = attention_rank(target.measurements, check.from_, check.to)
    return exchange_by_layer(
        target.heads, target.measurements.loaded_model.shape, rank if target.claims_large else reversed_rank(rank)
    )


def uniform_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one mutation for each head, in which it attends uniformly."""
    return tuple(UniformHeads((head,)) for head in target.heads) if target.claims_large else ()


def exchanged_role_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one exchange per layer, of its role heads with any others: the role moves with them."""
    return exchange_by_layer(target.heads, target.measurements.loaded_model.shape, lambda _head: 0.0)


def disabled_role_heads(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one mutation per head that removes what the role score measures: its attention pattern, or its output."""
    by_attention_alone = cast("RoleCheck", target.check).role.score in ATTENTION_SCORES
    return tuple(UniformHeads((head,)) if by_attention_alone else ZeroedNodes((head,)) for head in target.heads)


def exchanged_writers(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one exchange of all writers together (the claim holds if a single writer composes).

    They are exchanged with the heads that compose least with the readers.
    """
    check = cast("ComposesCheck", target.check)
    readers = receivers(target.measurements, check.to, check.via)
    rank = composition_rank(target.measurements, check, readers, writing=True)
    return exchange_together(
        target.heads, target.measurements.loaded_model.shape, rank if target.claims_large else reversed_rank(rank)
    )


def exchanged_readers(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return one exchange per layer, of its readers with the heads that compose least with the writers."""
    check = cast("ComposesCheck", target.check)
    shape = target.measurements.loaded_model.shape
    readers = heads_among(target.measurements.nodes(check.to), shape)
    rank = composition_rank(target.measurements, check, target.nodes, writing=False)
    return exchange_by_layer(readers, shape, rank if target.claims_large else reversed_rank(rank))


def cut_compositions(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return cuts for a composition that is measured on prompts.

    A composition that is measured in the weights does not include the norm, on which a cut depends, so it has none.
    """
    return () if cast("ComposesCheck", target.check).writes is None else cut_paths(target)


def cut_paths(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a cut for each hop whose senders are all heads or neurons, which write into few directions."""
    check, measured = cast("PathCheck | ComposesCheck", target.check), target.measurements
    hops = check.hops if isinstance(check, PathCheck) else (PathHop(nodes=check.to, via=check.via),)
    cuts, senders = [], target.nodes
    for hop in hops:
        if all(sender.kind in CUTTABLE_KINDS for sender in senders):
            cuts.append(CutPath(senders, receivers(measured, hop.nodes, hop.via)))
        senders = () if hop.nodes == LOGITS_NAME else measured.nodes(hop.nodes)
    return tuple(cuts) if target.claims_large else ()


def zeroed_members(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that zeroes the output of all the members, for a claim that the circuit suffices."""
    return (ZeroedNodes(tuple(sorted(target.nodes))),) if _claims_circuit_suffices(target) else ()


def exchanged_members(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return an exchange of all heads of the circuit with the heads outside it that matter least."""
    heads = target.heads
    if not heads or not _claims_circuit_suffices(target):
        return ()
    return exchange_together(heads, target.measurements.loaded_model.shape, recovery_rank(target.measurements, heads))


def zeroed_others(target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that zeroes the output of all nodes outside, for a claim that the circuit does not suffice."""
    check = cast("CircuitCheck", target.check)
    if _claims_circuit_suffices(target) or check.nodes is None or check.aspect == "minimal":
        return ()
    universe = CircuitScores(target.measurements, check.among, check.with_).universe
    return (ZeroedNodes(tuple(node for node in universe if node not in target.nodes)),)


def negated_curve_logits(_target: MutationTarget) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits: the score is then negative, and no fraction of it can be retained."""
    return (NegatedLogits(),)


def _claims_circuit_suffices(target: MutationTarget) -> bool:
    """Return whether the check bounds the circuit's quality from below (completeness: from above)."""
    if cast("CircuitCheck", target.check).aspect == "completeness":
        return target.bound is not None and target.bound.at_most is not None
    return target.claims_large


MakeMutations = Callable[[MutationTarget], tuple[Mutation, ...]]


# `absent` is not here: its mutant is a bundled model that has the behaviour (`mi_checks.suite.against_mutants`).
MUTATIONS_BY_CHECK: dict[type[Check], tuple[MakeMutations, ...]] = {
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


def mutations_of(check: Check, measured: Measurements) -> tuple[Mutation, ...]:
    """Return the mutations of a check that passes on the unmutated model, without duplicates.

    Args:
        check: the check.
        measured: measurements of the unmutated model.

    Raises:
        MiChecksError: the claim names nodes that cannot be resolved, or the heads to compare cannot be measured.
    """
    bound = measured.behaviour.bound_for(check, measured.loaded_model.name)
    target = MutationTarget(check, bound, nodes_of_check(check, measured), measured)
    return tuple(
        dict.fromkeys(mutation for make in MUTATIONS_BY_CHECK.get(type(check), ()) for mutation in make(target))
    )
