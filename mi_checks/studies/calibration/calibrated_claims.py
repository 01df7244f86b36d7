"""The claims that are calibrated: every kind of check, as the bundled behaviours claim it of the induction circuit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mi_checks.spec.behaviour import CHECK_KINDS, CheckEntry
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.node_checks import AblationCheck, AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.path_checks import ComposesCheck, PathCheck
from mi_checks.spec.roles import RoleCheck

PREVIOUS, INDUCTION = "previous_token", "induction"  # the node sets that claims name
RANDOM = "drawn"  # the label of a randomly drawn position, or the name of a randomly drawn circuit
CIRCUIT = [PREVIOUS, INDUCTION]
EDGES = [f"{PREVIOUS} -> {INDUCTION}.k", f"{INDUCTION} -> logits"]


CALIBRATED_KINDS = (*(check.kind for check in CHECK_KINDS), RoleCheck.kind)


@dataclass(frozen=True)
class CalibratedClaim:
    """A check and the bounds that it is held to.

    Attributes:
        check: the check, with a bound that is typical of the bundled behaviours.
        null: the bound at the value of the quantity when there is no effect; None if there is no single such value.
    """

    check: Check
    null: Bound | None = None

    @property
    def title(self) -> str:
        """Return the check's id; for `mediators` with the word that distinguishes its two claims."""
        if isinstance(self.check, MediatorsCheck):
            return f"{self.check.id} {'include' if self.check.exactly is None else 'exactly'}"
        return self.check.id

    @property
    def needs_effect_size(self) -> bool:
        """Return whether the check is a fraction of an effect size, and so fails unless that is above zero."""
        return isinstance(
            self.check, PatchingCheck | AblationCheck | MediatorsCheck | PathCheck | CircuitCheck | CurveCheck
        )

    @property
    def shipped(self) -> Bound:
        """Return the bound that bundled behaviours typically have."""
        if isinstance(self.check, MediatorsCheck):
            return Bound(at_least=self.check.above)
        if self.check.bound is None:
            raise ValueError(f"{self.check.id} has no bound")
        return self.check.bound

    def with_bound(self, bound: Bound) -> Check:
        """Return the check with another bound; for `mediators`, the bound is the threshold of every node."""
        if isinstance(self.check, MediatorsCheck):
            return self.check.model_copy(update={"above": bound.at_least})
        return self.check.with_bounds({self.check.id: bound})


def null_claims(positions: int, kinds: Collection[str] = ()) -> tuple[CalibratedClaim, ...]:
    """Return claims and their null values for a model that treats answer and foil alike, of some or all kinds.

    Args:
        positions: the number of positions one of which is drawn, so that attention to it is 1/positions on average.
        kinds: the kinds, out of `CALIBRATED_KINDS`; empty for all.
    """
    zero, half = {"at_least": 0.0}, {"at_least": 0.5}
    uniform = {"at_least": 1 / positions}
    lost = {"at_most": 1.0}  # the value of a circuit that keeps nothing of the score
    return _of_kinds(
        kinds,
        [
            _calibrated("logit_diff", {"at_least": 2.0}, zero),
            _calibrated("logit_diff", {"against": "corrupt", "at_least": 1.0}, zero),
            _calibrated("accuracy", {"at_least": 0.85}, half),
            _calibrated("accuracy", {"against": "corrupt", "at_least": 0.9}, half),
            _calibrated("patching", {"nodes": INDUCTION, "recovers": {"at_least": 0.8}}, zero),
            _calibrated("patching", {"nodes": PREVIOUS, "at": "B1", "recovers": {"at_least": 0.3}}, zero),
            _calibrated("patching", {"nodes": PREVIOUS, "removes": {"at_least": 0.5}}, zero),
            _calibrated("ablation", {"nodes": INDUCTION, "with": "mean", "removes": {"at_least": 0.3}}, zero),
            _calibrated("attention", {"nodes": PREVIOUS, "from": "A2", "to": RANDOM, "at_least": 0.3}, uniform),
            _calibrated("attention", {"nodes": INDUCTION, "from": "A2", "to": RANDOM, "at_least": 0.2}, uniform),
            _calibrated("mediators", {"component": "head", "above": 0.12, "exactly": CIRCUIT}, zero),
            _calibrated("mediators", {"component": "head", "above": 0.1, "include": CIRCUIT}, zero),
            _calibrated("path", {"from": PREVIOUS, "to": INDUCTION, "via": "k", "recovers": {"at_least": 0.2}}, zero),
            _calibrated("path", {"from": INDUCTION, "to": "logits", "recovers": {"at_least": 0.8}}, zero),
            _calibrated("direct_logit_attribution", {"nodes": INDUCTION, "at_least": 1.0}, zero),
            _calibrated("circuit", {"nodes": CIRCUIT, "faithfulness": {"at_least": 0.85}}, zero),
            _calibrated("circuit", {"nodes": CIRCUIT, "completeness": {"at_most": 0.3}}, lost),
            _calibrated("circuit", {"nodes": CIRCUIT, "minimal": {"at_least": 0.01}}, zero),
            _calibrated("circuit", {"nodes": CIRCUIT, "sufficient": {"at_least": 0.9}}),
            _calibrated("circuit", {"nodes": CIRCUIT, "necessary": {"at_least": 0.9}}),
            _calibrated("circuit", {"edges": EDGES, "faithfulness": {"at_least": 0.7}}, zero),
            _calibrated("circuit", {"edges": EDGES, "minimal": {"at_least": 0.01}}, zero),
            _calibrated("curve", {"cpr": {"at_least": 0.8}}, zero),
            _calibrated("curve", {"cmd": {"at_most": 0.2}}, lost),
        ],
    )


def weight_claims(kinds: Collection[str] = ()) -> tuple[CalibratedClaim, ...]:
    """Return claims about heads' weights, which ignore the answers, so that only untrained heads make them false."""
    heads = {"from": PREVIOUS, "to": INDUCTION, "via": "k"}
    return _of_kinds(
        kinds,
        [
            _calibrated("composes", {**heads, "times_random": {"at_least": 1.5}}, {"at_least": 1.0}),
            _calibrated("composes", {**heads, "at": "B1", "writes": {"at_least": 0.3}}),
        ],
    )


def true_claims(kinds: Collection[str] = ()) -> tuple[CalibratedClaim, ...]:
    """Return claims about a circuit that exists; their bounds are placeholders for measured values."""
    some = {"at_least": 0.5}
    return _of_kinds(
        kinds,
        [
            *(claim for claim in (*null_claims(2), *weight_claims()) if not _omitted_with_effect(claim.check)),
            _calibrated("attention", {"nodes": PREVIOUS, "from": "B1", "to": "A1", **some}),
            _calibrated("attention", {"nodes": INDUCTION, "from": "A2", "to": "B1", **some}),
        ],
    )


def random_circuit_claims(kinds: Collection[str] = ()) -> tuple[CalibratedClaim, ...]:
    """Return the claims about randomly drawn circuits: to be ahead of 97.5 % of the circuits of their size."""
    among = [{"nodes": RANDOM, aspect: {"at_least": 0.9}} for aspect in ("sufficient", "necessary")]
    return _of_kinds(kinds, [_calibrated("circuit", check, {"at_least": 0.975}) for check in among])


def _omitted_with_effect(check: Check) -> bool:
    """Return whether `true_claims` omits a check: it has a random label, or its estimate is not a mean over prompts."""
    match check:
        case AttentionCheck():
            return check.to == RANDOM
        case CircuitCheck():
            return check.aspect in ("sufficient", "necessary")
        case ComposesCheck():
            return check.times_random is not None
    return False


def _calibrated(kind: str, check: Mapping[str, Any], null: Mapping[str, float] | None = None) -> CalibratedClaim:
    entry = CheckEntry.model_validate({kind: check}, by_alias=True, by_name=False)
    return CalibratedClaim(entry.check, None if null is None else Bound.model_validate(null))


def _of_kinds(kinds: Collection[str], claims: list[CalibratedClaim]) -> tuple[CalibratedClaim, ...]:
    return tuple(claim for claim in claims if not kinds or claim.check.kind in kinds)
