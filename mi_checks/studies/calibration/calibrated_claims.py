"""The claims that are calibrated: every kind of check, as the bundled behaviours claim it of the induction circuit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mi_checks.spec.behaviour import CHECKS, CheckEntry
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.path_checks import Composes, Path
from mi_checks.spec.roles import RoleCheck

PREVIOUS, INDUCTION = "previous_token", "induction"  # the node sets that claims name
DRAWN = "drawn"  # the label of a randomly drawn position, or the name of a randomly drawn circuit
CIRCUIT = [PREVIOUS, INDUCTION]
EDGES = [f"{PREVIOUS} -> {INDUCTION}.k", f"{INDUCTION} -> logits"]


KINDS = (*CHECKS, RoleCheck.kind)


@dataclass(frozen=True)
class Claim:
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
        if isinstance(self.check, Mediators):
            return f"{self.check.id} {'include' if self.check.exactly is None else 'exactly'}"
        return self.check.id

    @property
    def needs_effect_size(self) -> bool:
        """Return whether the check is a fraction of an effect size, and so fails unless that is above zero."""
        return isinstance(self.check, Patching | Ablation | Mediators | Path | Circuit | Curve)

    @property
    def shipped(self) -> Bound:
        """Return the bound that bundled behaviours typically have."""
        if isinstance(self.check, Mediators):
            return Bound(at_least=self.check.above)
        if self.check.bound is None:
            raise ValueError(f"{self.check.id} has no bound")
        return self.check.bound

    def held_to(self, bound: Bound) -> Check:
        """Return the check with another bound; for `mediators`, the bound is the threshold of every node."""
        if isinstance(self.check, Mediators):
            return self.check.model_copy(update={"above": bound.at_least})
        return self.check.held_to({self.check.id: bound})


def without_effect(positions: int, kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Return claims and their null values for a model that treats answer and foil alike, of some or all kinds.

    Args:
        positions: the number of positions one of which is drawn, so that attention to it is 1/positions on average.
        kinds: the kinds, out of `KINDS`; empty for all.
    """
    zero, half = {"at_least": 0.0}, {"at_least": 0.5}
    uniform = {"at_least": 1 / positions}
    lost = {"at_most": 1.0}  # the value of a circuit that keeps nothing of the score
    return _chosen(
        kinds,
        [
            _claim("logit_diff", {"at_least": 2.0}, zero),
            _claim("logit_diff", {"against": "corrupt", "at_least": 1.0}, zero),
            _claim("accuracy", {"at_least": 0.85}, half),
            _claim("accuracy", {"against": "corrupt", "at_least": 0.9}, half),
            _claim("patching", {"nodes": INDUCTION, "recovers": {"at_least": 0.8}}, zero),
            _claim("patching", {"nodes": PREVIOUS, "at": "B1", "recovers": {"at_least": 0.3}}, zero),
            _claim("patching", {"nodes": PREVIOUS, "removes": {"at_least": 0.5}}, zero),
            _claim("ablation", {"nodes": INDUCTION, "with": "mean", "removes": {"at_least": 0.3}}, zero),
            _claim("attention", {"nodes": PREVIOUS, "from": "A2", "to": DRAWN, "at_least": 0.3}, uniform),
            _claim("attention", {"nodes": INDUCTION, "from": "A2", "to": DRAWN, "at_least": 0.2}, uniform),
            _claim("mediators", {"component": "head", "above": 0.12, "exactly": CIRCUIT}, zero),
            _claim("mediators", {"component": "head", "above": 0.1, "include": CIRCUIT}, zero),
            _claim("path", {"from": PREVIOUS, "to": INDUCTION, "via": "k", "recovers": {"at_least": 0.2}}, zero),
            _claim("path", {"from": INDUCTION, "to": "logits", "recovers": {"at_least": 0.8}}, zero),
            _claim("attribution", {"nodes": INDUCTION, "at_least": 1.0}, zero),
            _claim("circuit", {"nodes": CIRCUIT, "faithfulness": {"at_least": 0.85}}, zero),
            _claim("circuit", {"nodes": CIRCUIT, "completeness": {"at_most": 0.3}}, lost),
            _claim("circuit", {"nodes": CIRCUIT, "minimal": {"at_least": 0.01}}, zero),
            _claim("circuit", {"nodes": CIRCUIT, "sufficient": {"at_least": 0.9}}),
            _claim("circuit", {"nodes": CIRCUIT, "necessary": {"at_least": 0.9}}),
            _claim("circuit", {"edges": EDGES, "faithfulness": {"at_least": 0.7}}, zero),
            _claim("circuit", {"edges": EDGES, "minimal": {"at_least": 0.01}}, zero),
            _claim("curve", {"cpr": {"at_least": 0.8}}, zero),
            _claim("curve", {"cmd": {"at_most": 0.2}}, lost),
        ],
    )


def of_weights(kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Return claims about heads' weights, which ignore the answers, so that only untrained heads make them false."""
    heads = {"from": PREVIOUS, "to": INDUCTION, "via": "k"}
    return _chosen(
        kinds,
        [
            _claim("composes", {**heads, "times_random": {"at_least": 1.5}}, {"at_least": 1.0}),
            _claim("composes", {**heads, "at": "B1", "writes": {"at_least": 0.3}}),
        ],
    )


def with_effect(kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Return claims about a circuit that exists; their bounds are placeholders for measured values."""
    some = {"at_least": 0.5}
    return _chosen(
        kinds,
        [
            *(claim for claim in (*without_effect(2), *of_weights()) if not _elsewhere(claim.check)),
            _claim("attention", {"nodes": PREVIOUS, "from": "B1", "to": "A1", **some}),
            _claim("attention", {"nodes": INDUCTION, "from": "A2", "to": "B1", **some}),
        ],
    )


def random_circuits(kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Return the claims about randomly drawn circuits: to be ahead of 97.5 % of the circuits of their size."""
    among = [{"nodes": DRAWN, aspect: {"at_least": 0.9}} for aspect in ("sufficient", "necessary")]
    return _chosen(kinds, [_claim("circuit", check, {"at_least": 0.975}) for check in among])


def _elsewhere(check: Check) -> bool:
    """Return whether `with_effect` omits a check: it has a random label, or its estimate is not a mean over prompts."""
    match check:
        case Attention():
            return check.to == DRAWN
        case Circuit():
            return check.aspect in ("sufficient", "necessary")
        case Composes():
            return check.times_random is not None
    return False


def _claim(kind: str, check: Mapping[str, Any], null: Mapping[str, float] | None = None) -> Claim:
    entry = CheckEntry.model_validate({kind: check}, by_alias=True, by_name=False)
    return Claim(entry.check, None if null is None else Bound.model_validate(null))


def _chosen(kinds: Collection[str], claims: list[Claim]) -> tuple[Claim, ...]:
    return tuple(claim for claim in claims if not kinds or claim.check.kind in kinds)
