"""Mutations of claims about named nodes: patching, ablation, attribution, mediators, attention, roles."""

from __future__ import annotations

from typing import cast

from mi_checks.engine.nodes import Node
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.head_mutations import Blinded
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import WRITING, Turned, Zeroed
from mi_checks.mutants.partners import all_at_once, by_attention, by_share, group_size, layer_by_layer, reversed_rank
from mi_checks.spec.node_checks import Attention, Mediators
from mi_checks.spec.roles import RoleCheck


def zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """All nodes write nothing."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in WRITING))
    return (Zeroed(nodes),) if nodes and claim.from_below else ()


def each_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Each node alone writes nothing, for a claim of each by itself."""
    return tuple(Zeroed((node,)) for node in sorted(claim.nodes) if node.kind in WRITING)


def turned(claim: Claim) -> tuple[Mutation, ...]:
    """Neurons and MLPs write the opposite."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in ("neuron", "mlp")))
    return (Turned(nodes),) if nodes and claim.from_below else ()


def exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """All heads at once change places; where one has no other to change with, all of them write the opposite."""
    at = getattr(claim.check, "at", None)
    heads, shape = claim.heads, claim.measured.subject.shape
    if not heads:
        return ()
    rank = by_share(claim.measured, heads, at)
    exchanged = all_at_once(heads, shape, rank if claim.from_below else reversed_rank(rank))
    return exchanged or ((Turned(heads),) if claim.from_below else ())


def mediators_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with heads that are no mediators themselves."""
    check = cast("Mediators", claim.check)
    shape = claim.measured.subject.shape
    if check.component == "neuron" or (check.component in ("k", "v") and group_size(shape) > 1):
        return ()
    sweep = claim.measured.sweep(check.component, check.layers, check.at)
    shares = dict(zip(sweep.nodes, sweep.shares.tolist(), strict=True))

    def rank(head: Node) -> float | None:
        share = shares.get(Node(head.layer, check.component, head.index))
        return share if share is not None and share < check.above else None

    return layer_by_layer(claim.heads, shape, rank)


def onlookers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with the heads that attend there least (or most, for a claim from above)."""
    check = cast("Attention", claim.check)
    rank = by_attention(claim.measured, check.from_, check.to)
    return layer_by_layer(claim.heads, claim.measured.subject.shape, rank if claim.from_below else reversed_rank(rank))


def each_blinded(claim: Claim) -> tuple[Mutation, ...]:
    """Each head alone attends to everything alike."""
    return tuple(Blinded((head,)) for head in claim.heads) if claim.from_below else ()


ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # of roles: where a head looks, and no more


def bearers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with any others: the role moves with them."""
    return layer_by_layer(claim.heads, claim.measured.subject.shape, lambda _head: 0.0)


def bearers_out(claim: Claim) -> tuple[Mutation, ...]:
    """Each head alone no longer scores: it looks at everything alike or, where it is scored by that, writes nothing."""
    by_attention_alone = cast("RoleCheck", claim.check).role.score in ATTENTION_SCORES
    return tuple(Blinded((head,)) if by_attention_alone else Zeroed((head,)) for head in claim.heads)
