"""Mutations of claims about whole circuits."""

from __future__ import annotations

from typing import cast

from mi_checks.checks.circuits import Circuits
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import LogitsTurned, Zeroed
from mi_checks.mutants.partners import all_at_once, by_share
from mi_checks.spec.circuit_checks import Circuit


def members_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """A circuit that writes nothing is not a good one."""
    return (Zeroed(tuple(sorted(claim.nodes))),) if _praised(claim) else ()


def members_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """All heads of the circuit at once, with those outside it that matter least."""
    heads = claim.heads
    if not heads or not _praised(claim):
        return ()
    return all_at_once(heads, claim.measured.subject.shape, by_share(claim.measured, heads))


def others_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """A circuit of nodes beside which nothing writes is all there is, and that it is not a good one is false."""
    check = cast("Circuit", claim.check)
    if _praised(claim) or check.nodes is None or check.aspect == "minimal":
        return ()
    universe = Circuits(claim.measured, check.among, check.with_).universe
    return (Zeroed(tuple(node for node in universe if node not in claim.nodes)),)


def span_turned(_claim: Claim) -> tuple[Mutation, ...]:
    """What circuits are to keep of the score is negative then: no share of it can be claimed."""
    return (LogitsTurned(),)


def _praised(claim: Claim) -> bool:
    """Whether it says that the circuit is a good one: complete it is by a difference that is small."""
    if cast("Circuit", claim.check).aspect == "completeness":
        return claim.bound is not None and claim.bound.at_most is not None
    return claim.from_below
