"""The verdict of a check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mi_checks.checks.measurements import Measurements, SweepPlace
from mi_checks.engine.nodes import Node
from mi_checks.output.inconclusive_text import refusal_text, settling_text
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import Estimate, Outcome, Parts
from mi_checks.stats.intervals import NoEffectSize
from mi_checks.stats.judgement import judge


@dataclass(frozen=True)
class Verdict:
    """An outcome with its evidence.

    Attributes:
        outcome: pass, fail or inconclusive.
        claim: the claim.
        estimate: the measured value with its interval; None where none could be measured.
        bound: the bound that the whole interval must satisfy.
        reason: why it is not a pass, in a sentence or several lines; empty for a pass.
        per_prompt: the values behind the estimate, `prompt`, larger meaning more of what is claimed; may be empty.
        worst: the prompt to show when it does not pass; None for the one whose value is farthest on the wrong side.
        show_other_mediators: whether the message of a failure shows which other nodes mediate instead.
        sought_among: the sweep in which those nodes are sought; None for one of all heads, or of neurons if `nodes`
            are.
        nodes: the nodes that the claim is about.
        at: the label or position that was patched; None for all positions.
        headline: the first line of the message, if it is not the measured value.
        deciding: the node or edge that the estimate is of, if the claim is about several.
        detail: how the claim was tested and what else was found, in words.
        parts: the numerator and the denominator of an estimate that is a fraction.
        p_value: of the hypothesis that the claim is false; a check passes if it is below 2.5 %. None without a test.
        lost: nodes to which a role is no longer bound, or that are claimed to mediate and do not.
        gained: nodes to which a role is newly bound, or that mediate and are not claimed to.
    """

    outcome: Outcome
    claim: Claim
    estimate: Estimate | None
    bound: Bound
    reason: str
    per_prompt: tuple[float, ...] = ()
    show_other_mediators: bool = False
    worst: int | None = None
    sought_among: SweepPlace | None = None
    nodes: tuple[Node, ...] = ()
    at: str | int | None = None
    headline: str = ""
    deciding: str = ""
    detail: str = ""
    parts: Parts | None = None
    p_value: float | None = None
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()

    @property
    def worst_prompt(self) -> int | None:
        """Return the index of the prompt to show, or None if there are no values."""
        if self.worst is not None or not self.per_prompt:
            return self.worst
        farthest = max if self.bound.at_least is None else min
        return self.per_prompt.index(farthest(self.per_prompt))


def verdict(
    claim: Claim,
    estimate: Estimate,
    bound: Bound,
    per_prompt: tuple[float, ...],
    p_value: float,
    *,
    show_other_mediators: bool = False,
    is_zero: bool = False,
) -> Verdict:
    """Return pass, fail or inconclusive for an estimate and a bound.

    Args:
        claim: the claim.
        estimate: the measured value with its interval.
        bound: the bound.
        per_prompt: the values behind the estimate, `prompt`.
        p_value: of the hypothesis that the value is outside the bound.
        show_other_mediators: see `Verdict`.
        is_zero: whether the value is zero on every prompt, apart from rounding. It is then compared with the bound as
            zero, so that engines that round differently agree; the interval still shows what rounding can hide.
    """
    outcome = judge(replace(estimate, low=0.0, high=0.0) if is_zero else estimate, bound)
    if is_zero:
        p_value = 0.0 if outcome == "pass" else 1.0
    reason = ""
    if estimate.refusal is not None:
        reason = refusal_text(estimate.refusal)
    elif outcome == "inconclusive":
        reason = f"the interval contains the bound; {settling_text(estimate, bound)}"
    elif outcome == "fail":
        reason = "the whole interval is outside the bound"
    return Verdict(outcome, claim, estimate, bound, reason, per_prompt, show_other_mediators, p_value=p_value)


def node_names_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return the names of nodes, as a claim holds them."""
    return tuple(map(str, nodes))


def only_above_zero(bound: Bound) -> bool:
    """Return whether a bound is "at least zero", which an effect of exactly zero does not satisfy."""
    return bound.at_least == 0 and bound.at_most is None


def no_effect_verdict(claim: Claim, bound: Bound, error: NoEffectSize, measured: Measurements) -> Verdict:
    """Return the verdict on a claim about a fraction whose denominator is not above zero, or cannot be told to be.

    It fails, unless there are too few prompts or rows, or too many equal values, to say what the denominator is.
    """
    unit = score_unit(measured.batch.score)
    parts = Parts(None, replace(error.whole, unit=unit), error.of)
    if error.whole.refusal is not None and error.rounding is None:
        reason = f"no fraction of {error.of} can be judged: {refusal_text(error.whole.refusal)}"
        return Verdict("inconclusive", claim, None, bound, reason, parts=parts)
    reason = f"there is no effect to mediate: {error.in_unit(unit)}"
    return Verdict("fail", claim, None, bound, reason, parts=parts)
