"""Mutations of what roles are bound to."""

from __future__ import annotations

from typing import cast

from mi_checks.mutants.claim import Claim
from mi_checks.mutants.head_mutations import Blinded
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import Zeroed
from mi_checks.mutants.partners import layer_by_layer
from mi_checks.spec.roles import RoleCheck

ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # of roles: where a head looks, and no more


def bearers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with any others: the role moves with them."""
    return layer_by_layer(claim.heads, claim.measured.subject.shape, lambda _head: 0.0)


def bearers_out(claim: Claim) -> tuple[Mutation, ...]:
    """Each head alone no longer scores: it looks at everything alike or, where it is scored by that, writes nothing."""
    by_attention_alone = cast("RoleCheck", claim.check).role.score in ATTENTION_SCORES
    return tuple(Blinded((head,)) if by_attention_alone else Zeroed((head,)) for head in claim.heads)
