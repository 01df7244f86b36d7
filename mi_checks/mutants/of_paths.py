"""Mutations for claims about how heads are connected."""

from __future__ import annotations

from typing import cast

from mi_checks.checks.path import receivers
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.cut_paths import CUTTABLE_KINDS, Cut
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.partners import all_at_once, by_composition, heads_among, layer_by_layer, reversed_rank
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.spec.path_checks import Composes, Hop, Path


def writers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return an exchange of all writers, as a reader needs only one, with heads that compose least with the readers."""
    check = cast("Composes", claim.check)
    readers = receivers(claim.measured, check.to, check.via)
    rank = by_composition(claim.measured, check, readers, writing=True)
    return all_at_once(
        claim.heads, claim.measured.loaded_model.shape, rank if claim.from_below else reversed_rank(rank)
    )


def readers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return exchanges of the readers of each layer with the heads that compose least with the writers."""
    check = cast("Composes", claim.check)
    shape = claim.measured.loaded_model.shape
    readers = heads_among(claim.measured.nodes(check.to), shape)
    rank = by_composition(claim.measured, check, claim.nodes, writing=False)
    return layer_by_layer(readers, shape, rank if claim.from_below else reversed_rank(rank))


def unread(claim: Claim) -> tuple[Mutation, ...]:
    """Return cuts for a composition measured on prompts.

    Composition measured in the weights leaves out the norm, through which a cut blinds the readers, so it has none.
    """
    return () if cast("Composes", claim.check).writes is None else cut(claim)


def cut(claim: Claim) -> tuple[Mutation, ...]:
    """Return a cut for each hop whose senders write into few directions."""
    check, measured = cast("Path | Composes", claim.check), claim.measured
    hops = check.hops if isinstance(check, Path) else (Hop(nodes=check.to, via=check.via),)
    cuts, senders = [], claim.nodes
    for hop in hops:
        if all(sender.kind in CUTTABLE_KINDS for sender in senders):
            cuts.append(Cut(senders, receivers(measured, hop.nodes, hop.via)))
        senders = () if hop.nodes == TO_LOGITS else measured.nodes(hop.nodes)
    return tuple(cuts) if claim.from_below else ()
