"""Mutations for claims about whole circuits."""

from __future__ import annotations

from typing import cast

from mi_checks.checks.circuits import Circuits
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import LogitsTurned, Zeroed
from mi_checks.mutants.partners import all_at_once, by_share
from mi_checks.spec.circuit_checks import Circuit


def members_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation in which the members write nothing, for a claim that the circuit is good."""
    return (Zeroed(tuple(sorted(claim.nodes))),) if _praised(claim) else ()


def members_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """Return an exchange of all heads of the circuit with the heads outside it that matter least."""
    heads = claim.heads
    if not heads or not _praised(claim):
        return ()
    return all_at_once(heads, claim.measured.loaded_model.shape, by_share(claim.measured, heads))


def others_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation in which only the circuit writes, so that it is everything, for a claim that it is not good."""
    check = cast("Circuit", claim.check)
    if _praised(claim) or check.nodes is None or check.aspect == "minimal":
        return ()
    universe = Circuits(claim.measured, check.among, check.with_).universe
    return (Zeroed(tuple(node for node in universe if node not in claim.nodes)),)


def span_turned(_claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits: the score is then negative, and no fraction of it can be retained."""
    return (LogitsTurned(),)


def _praised(claim: Claim) -> bool:
    """Return whether the check claims that the circuit is good; for completeness this is a small difference."""
    if cast("Circuit", claim.check).aspect == "completeness":
        return claim.bound is not None and claim.bound.at_most is not None
    return claim.from_below
