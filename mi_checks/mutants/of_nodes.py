"""Mutations for claims about named nodes: patching, ablation, attribution, mediators, attention, roles."""

from __future__ import annotations

from typing import cast

from mi_checks.engine.nodes import Node
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.head_mutations import Blinded
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import KINDS_WITH_OUTPUT, Turned, Zeroed
from mi_checks.mutants.partners import all_at_once, by_attention, by_share, group_size, layer_by_layer, reversed_rank
from mi_checks.spec.node_checks import Attention, Mediators
from mi_checks.spec.roles import RoleCheck


def zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation in which all nodes together write nothing."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in KINDS_WITH_OUTPUT))
    return (Zeroed(nodes),) if nodes and claim.from_below else ()


def each_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Return mutations in which one node each writes nothing, for a claim about each node by itself."""
    return tuple(Zeroed((node,)) for node in sorted(claim.nodes) if node.kind in KINDS_WITH_OUTPUT)


def turned(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation in which the claimed neurons and MLPs write the opposite."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in ("neuron", "mlp")))
    return (Turned(nodes),) if nodes and claim.from_below else ()


def exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return an exchange of all heads at once; if some head has no partner, all of them write the opposite instead."""
    at = getattr(claim.check, "at", None)
    heads, shape = claim.heads, claim.measured.loaded_model.shape
    if not heads:
        return ()
    rank = by_share(claim.measured, heads, at)
    exchanged = all_at_once(heads, shape, rank if claim.from_below else reversed_rank(rank))
    return exchanged or ((Turned(heads),) if claim.from_below else ())


def mediators_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return exchanges of the claimed heads of each layer with heads that are not mediators."""
    check = cast("Mediators", claim.check)
    shape = claim.measured.loaded_model.shape
    if check.component == "neuron" or (check.component in ("k", "v") and group_size(shape) > 1):
        return ()
    sweep = claim.measured.sweep(check.component, check.layers, check.at)
    shares = dict(zip(sweep.nodes, sweep.shares.tolist(), strict=True))

    def rank(head: Node) -> float | None:
        share = shares.get(Node(head.layer, check.component, head.index))
        return share if share is not None and share < check.above else None

    return layer_by_layer(claim.heads, shape, rank)


def onlookers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return exchanges in each layer with the heads that attend there least, or most if the claim is an upper bound."""
    check = cast("Attention", claim.check)
    rank = by_attention(claim.measured, check.from_, check.to)
    return layer_by_layer(
        claim.heads, claim.measured.loaded_model.shape, rank if claim.from_below else reversed_rank(rank)
    )


def each_blinded(claim: Claim) -> tuple[Mutation, ...]:
    """Return mutations in which one head each attends uniformly."""
    return tuple(Blinded((head,)) for head in claim.heads) if claim.from_below else ()


ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # role scores that depend on attention alone


def bearers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return exchanges of the heads of each layer with any others: the role moves with them."""
    return layer_by_layer(claim.heads, claim.measured.loaded_model.shape, lambda _head: 0.0)


def bearers_out(claim: Claim) -> tuple[Mutation, ...]:
    """Return mutations in which one head each no longer scores: it attends uniformly, or else writes nothing."""
    by_attention_alone = cast("RoleCheck", claim.check).role.score in ATTENTION_SCORES
    return tuple(Blinded((head,)) if by_attention_alone else Zeroed((head,)) for head in claim.heads)
