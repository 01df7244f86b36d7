"""A baseline: the effects of one behaviour on one model, as numbers of fixed precision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mi_checks.baselines.header import Header
from mi_checks.record import CheckResult, Estimate, Mediator

DECIMALS = 4  # of estimates
DECIMALS_PER_PROMPT = 3
NO_CHECKS = ("role", "baseline", "base")  # kinds of results that measure nothing of their own on prompts
UNMOVED = 1.1  # of the last decimal: one step is what two machines may make of one number

# What a claim says of the outcome, last: "(…; deciding: L0H3)", "(most: L0H3)", "(most apart without L0H3: +0.1)".
_DECIDING = re.compile(r" ?\((?:[^()]*; )?(?:deciding:|most:|most apart without) ([^):]+)[^)]*\).*$", re.DOTALL)
_LIST = re.compile(r"L\d+[\w.]*(?:, L\d+[\w.]*)+")


@dataclass(frozen=True)
class Recorded:
    """What one check measured.

    Attributes:
        claim: what the numbers are of, in words: without bounds, which may change, nodes in the order of their names.
        deciding: the node that the numbers are of, where a claim about several shows those of one.
        estimate: None where nothing could be measured.
        per_prompt: the values behind it, `prompt`; may be empty.
    """

    claim: str
    deciding: str
    estimate: Estimate | None
    per_prompt: tuple[float, ...]


@dataclass(frozen=True)
class Baseline:
    """All checks of a behaviour on a model, by id, and what its sweeps of heads found strongest."""

    header: Header
    checks: Mapping[str, Recorded]
    mediators: tuple[Mediator, ...]


def baseline(header: Header, results: Iterable[CheckResult], mediators: tuple[Mediator, ...]) -> Baseline:
    """What is to be written of a run, rounded. Roles have a file of their own."""
    checks = {result.check: recorded(result) for result in results if result.kind not in NO_CHECKS}
    rounded = tuple(replace(each, estimate=_rounded(each.estimate)) for each in mediators)
    return Baseline(header, checks, rounded)


def recorded(result: CheckResult) -> Recorded:
    """What a check measured, rounded."""
    found = _DECIDING.search(result.claim)
    deciding = found[1] if found else ""
    claim = _DECIDING.sub("", result.claim)
    if result.kind == "composes":  # its claim names the reader that decides
        claim, deciding = result.check, claim.replace(result.bound, "…")
    elif result.kind == "absent":  # its claim is that of every check of the preference, bounds and all
        claim = f"absent: {result.estimate.unit}" if result.estimate is not None else "absent"
    elif result.bound:
        claim = claim.replace(result.bound, "…")
    return Recorded(
        _LIST.sub(lambda nodes: ", ".join(sorted(nodes[0].split(", "))), claim),  # roles list theirs by score
        deciding,
        None if result.estimate is None else _rounded(result.estimate),
        tuple([round(value, DECIMALS_PER_PROMPT) + 0.0 for value in result.per_prompt]),  # hundreds: as `_round` does
    )


def settled(new: Baseline, old: Baseline) -> Baseline:
    """The new one with the old one's numbers where they differ by no more than rounding, which is worth no byte."""
    checks = {
        name: _settled_check(check, old.checks[name]) if name in old.checks else check
        for name, check in new.checks.items()
    }
    before = {(each.at, each.node): each for each in old.mediators}
    mediators = tuple(
        replace(each, estimate=_near(each.estimate, before[each.at, each.node].estimate))
        if (each.at, each.node) in before
        else each
        for each in new.mediators
    )
    return Baseline(new.header, checks, mediators)


def _settled_check(new: Recorded, old: Recorded) -> Recorded:
    if new.estimate is None or old.estimate is None or len(new.per_prompt) != len(old.per_prompt):
        return new
    values = zip(new.per_prompt, old.per_prompt, strict=True)
    per_prompt = tuple(_settled(value, before, DECIMALS_PER_PROMPT) for value, before in values)
    return replace(new, estimate=_near(new.estimate, old.estimate), per_prompt=per_prompt)


def _near(new: Estimate, old: Estimate) -> Estimate:
    return replace(
        new,
        value=_settled(new.value, old.value, DECIMALS),
        low=_settled(new.low, old.low, DECIMALS),
        high=_settled(new.high, old.high, DECIMALS),
    )


def _settled(value: float, before: float, decimals: int) -> float:
    return before if abs(value - before) <= UNMOVED * 10**-decimals else value


def _rounded(estimate: Estimate) -> Estimate:
    value, low, high = (_round(number, DECIMALS) for number in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)


def _round(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0  # never −0
