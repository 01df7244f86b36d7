"""The claims that are calibrated: every kind of check, as the shipped behaviours claim it of the induction circuit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mi_checks.spec.behaviour import CHECKS, CheckEntry
from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.path_checks import Composes, Path
from mi_checks.spec.roles import RoleCheck

PREVIOUS, INDUCTION = "previous_token", "induction"  # the node sets that claims name
DRAWN = "drawn"  # the label of a position, or the nodes of a circuit, drawn at random
CIRCUIT = [PREVIOUS, INDUCTION]
EDGES = [f"{PREVIOUS} -> {INDUCTION}.k", f"{INDUCTION} -> logits"]


KINDS = (*CHECKS, RoleCheck.kind)


@dataclass(frozen=True)
class Claim:
    """A check and what it is held to.

    Attributes:
        check: with the bound that shipped behaviours typically have.
        null: the bound at the value that the effect has where there is none; None where no one value is that.
    """

    check: Check
    null: Bound | None = None

    @property
    def title(self) -> str:
        """The check's id; of `mediators` with the word that tells two claims apart."""
        if isinstance(self.check, Mediators):
            return f"{self.check.id} {'include' if self.check.exactly is None else 'exactly'}"
        return self.check.id

    @property
    def needs_gap(self) -> bool:
        """Whether it is a share of a difference, and fails where that is not above zero."""
        return isinstance(self.check, Patching | Ablation | Mediators | Path | Circuit | Curve)

    @property
    def shipped(self) -> Bound:
        """What shipped behaviours hold it to."""
        if isinstance(self.check, Mediators):
            return Bound(at_least=self.check.above)
        if self.check.bound is None:
            raise ValueError(f"{self.check.id} has no bound")
        return self.check.bound

    def held_to(self, bound: Bound) -> Check:
        """The check with another bound; of `mediators` the threshold of every node is the bound."""
        if isinstance(self.check, Mediators):
            return self.check.model_copy(update={"above": bound.at_least})
        return self.check.held_to({self.check.id: bound})


def without_effect(positions: int, kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Claims and their null values where answer and foil are alike to the model: all of a kind, or of all kinds.

    Args:
        positions: from how many positions one is drawn, so that attention to it is 1/positions on average.
        kinds: of `KINDS`; none for all.
    """
    zero, half = {"at_least": 0.0}, {"at_least": 0.5}
    uniform = {"at_least": 1 / positions}
    lost = {"at_most": 1.0}  # what a circuit that keeps nothing of the score comes to
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
    """Claims about what heads are to each other, whatever is answered: not so of untrained heads alone."""
    heads = {"from": PREVIOUS, "to": INDUCTION, "via": "k"}
    return _chosen(
        kinds,
        [
            _claim("composes", {**heads, "times_random": {"at_least": 1.5}}, {"at_least": 1.0}),
            _claim("composes", {**heads, "at": "B1", "writes": {"at_least": 0.3}}),
        ],
    )


def with_effect(kinds: Collection[str] = ()) -> tuple[Claim, ...]:
    """Claims of a circuit that is there; what they are held to is measured, and stands for nothing here."""
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
    """What is claimed of circuits that are drawn at random among those of their size: ahead of 97.5 % of them."""
    among = [{"nodes": DRAWN, aspect: {"at_least": 0.9}} for aspect in ("sufficient", "necessary")]
    return _chosen(kinds, [_claim("circuit", check, {"at_least": 0.975}) for check in among])


def _elsewhere(check: Check) -> bool:
    """Drawn labels have no effect to claim; and a place among circuits, or random matrices, is no mean over prompts."""
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
