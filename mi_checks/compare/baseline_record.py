"""A baseline: the effects of one behaviour on one model, as numbers of fixed precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from mi_checks.results.claim import Claim, without_bounds
from mi_checks.results.evidence import Evidence, Mediator
from mi_checks.results.run import BASELINE, LINT, REFERENCE, CheckResult
from mi_checks.stats.estimate import Estimate, Outcome, Parts

DECIMALS = 4  # of estimates
DECIMALS_PER_PROMPT = 3
NO_CHECKS = ("role", BASELINE, REFERENCE, LINT)  # kinds of results that measure nothing of their own on prompts
MAX_ROUNDING_STEPS = 1.1  # of the last decimal: two machines may differ by one step


@dataclass(frozen=True)
class RecordedCheck:
    """The measurement of one check, as a baseline stores it.

    Attributes:
        claim: what the numbers are of, without bounds; None in files of schemas 1 and 2, where it was a sentence.
        deciding: the node that the numbers are of, if the check is about several and shows one.
        estimate: None if nothing could be measured.
        per_prompt: the values behind it, `prompt`; may be empty.
        parts: of a fraction, its numerator and denominator; None in files of schema 1.
    """

    claim: Claim | None
    deciding: str
    estimate: Estimate | None
    per_prompt: tuple[float, ...]
    parts: Parts | None = None


@dataclass(frozen=True)
class Baseline:
    """The recorded checks of a behaviour on a model, and the strongest heads of its sweeps.

    Attributes:
        header: what it was measured on and with.
        checks: the measurement of each check, by id.
        mediators: the strongest heads of each sweep.
        effect_sizes: clean − corrupt score, `prompt`: what most fractions are of; empty in files of schema 1.
    """

    header: BaselineHeader
    checks: Mapping[str, RecordedCheck]
    mediators: tuple[Mediator, ...]
    effect_sizes: tuple[float, ...] = ()


def comparison_blocked(results: Mapping[str, CheckResult]) -> tuple[Outcome, str] | None:
    """Return the outcome and the message of a comparison of results of which one was skipped or could not be measured.

    Returns:
        None if there is no such result.
    """
    for result in results.values():
        if result.outcome == "skipped":
            return "skipped", f"not compared: {result.message.splitlines()[0]}"
    for result in results.values():
        if result.outcome == "error":
            return "error", f"not compared: {result.check} could not be measured"
    return None


def baseline_of(
    header: BaselineHeader,
    results: Iterable[CheckResult],
    mediators: tuple[Mediator, ...],
    effect_sizes: tuple[float, ...] = (),
) -> Baseline:
    """Return what a baseline stores of a run, rounded. Roles have a file of their own."""
    checks = {result.check: recorded_check(result) for result in results if result.kind not in NO_CHECKS}
    rounded = tuple(replace(each, estimate=_rounded(each.estimate)) for each in mediators)
    return Baseline(header, checks, rounded, _rounded_per_prompt(effect_sizes))


def recorded_claim(result: CheckResult) -> Claim | None:
    """Return what a check claims, without its bounds; None if nothing could be measured."""
    return None if result.claim is None else without_bounds(result.claim)


def recorded_check(result: CheckResult) -> RecordedCheck:
    """Return the measurement of a check, rounded."""
    return RecordedCheck(
        recorded_claim(result),
        result.deciding,
        None if result.estimate is None else _rounded(result.estimate),
        _rounded_per_prompt(result.per_prompt),
        None if result.parts is None else _rounded_parts(result.parts),
    )


def without_rounding_changes(new: Baseline, old: Baseline) -> Baseline:
    """Return the new baseline with the old one's numbers wherever the two differ by rounding only."""
    checks = {
        name: _check_without_rounding(check, old.checks[name]) if name in old.checks else check
        for name, check in new.checks.items()
    }
    before = {(each.at, each.node): each for each in old.mediators}
    mediators = tuple(
        replace(each, estimate=_estimate_without_rounding(each.estimate, before[each.at, each.node].estimate))
        if (each.at, each.node) in before
        else each
        for each in new.mediators
    )
    sizes = _values_without_rounding(new.effect_sizes, old.effect_sizes)
    return Baseline(new.header, checks, mediators, sizes)


def _check_without_rounding(new: RecordedCheck, old: RecordedCheck) -> RecordedCheck:
    if new.estimate is None or old.estimate is None or len(new.per_prompt) != len(old.per_prompt):
        return new
    return replace(
        new,
        estimate=_estimate_without_rounding(new.estimate, old.estimate),
        per_prompt=_values_without_rounding(new.per_prompt, old.per_prompt),
        parts=_parts_without_rounding(new.parts, old.parts),
    )


def _parts_without_rounding(new: Parts | None, old: Parts | None) -> Parts | None:
    if new is None or old is None:
        return new
    numerator = new.numerator
    if numerator is not None and old.numerator is not None:
        numerator = _estimate_without_rounding(numerator, old.numerator)
    return replace(new, numerator=numerator, denominator=_estimate_without_rounding(new.denominator, old.denominator))


def _values_without_rounding(new: tuple[float, ...], old: tuple[float, ...]) -> tuple[float, ...]:
    if len(new) != len(old):
        return new
    return tuple(
        _number_without_rounding(value, before, DECIMALS_PER_PROMPT) for value, before in zip(new, old, strict=True)
    )


def _estimate_without_rounding(new: Estimate, old: Estimate) -> Estimate:
    return replace(
        new,
        value=_number_without_rounding(new.value, old.value, DECIMALS),
        low=_number_without_rounding(new.low, old.low, DECIMALS),
        high=_number_without_rounding(new.high, old.high, DECIMALS),
    )


def _number_without_rounding(value: float, before: float, decimals: int) -> float:
    return before if abs(value - before) <= MAX_ROUNDING_STEPS * 10**-decimals else value


def _rounded_per_prompt(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple([round(value, DECIMALS_PER_PROMPT) + 0.0 for value in values])  # hundreds: as `_round` does


def _rounded_parts(parts: Parts) -> Parts:
    numerator = None if parts.numerator is None else _rounded(parts.numerator)
    return replace(parts, numerator=numerator, denominator=_rounded(parts.denominator))


def _rounded(estimate: Estimate) -> Estimate:
    value, low, high = (_round(number, DECIMALS) for number in (estimate.value, estimate.low, estimate.high))
    return replace(estimate, value=value, low=low, high=high)


def _round(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0  # never −0


RECORD_AGAIN = "run pytest --mi-update to record it again"
UPDATE = f"if this is intended, {RECORD_AGAIN}"


@dataclass(frozen=True)
class BaselineHeader:
    """What a behaviour was measured on and with; hashes are SHA-256 in hexadecimal."""

    behaviour: str
    model: str
    revision: str  # of the weights; "" if they have none
    weights: str
    tokenizer: str
    prompts: str  # as rendered and tokenized
    engine: str
    mode: str
    dtype: str
    device: str
    versions: Mapping[str, str]  # library → version


def header_of(evidence: Evidence, provenance: Mapping[str, str], versions: Mapping[str, str]) -> BaselineHeader:
    """Return what a run measured on and with."""
    return BaselineHeader(
        behaviour=evidence.behaviour,
        model=evidence.model,
        revision=provenance.get("revision", ""),
        weights=provenance["weights_sha256"],
        tokenizer=provenance["tokenizer_sha256"],
        prompts=evidence.effect.prompts_sha256,
        engine=provenance["engine"],
        mode=provenance["mode"],
        dtype=provenance["dtype"],
        device=provenance["device"],
        versions=versions,
    )


HEADER_HASHES = ("weights", "tokenizer", "prompts")
HEADER_TEXTS = tuple(field.name for field in fields(BaselineHeader) if field.name != "versions")


def reason_not_comparable(then: BaselineHeader, now: BaselineHeader) -> str:
    """Return why effects cannot be compared, with the remedy; empty if they can.

    Baselines are there to compare other weights, revisions, engines, devices and libraries.
    """
    if (then.behaviour, then.model) != (now.behaviour, now.model):
        return (
            f"it is of {then.behaviour} on {then.model}, not of {now.behaviour} on {now.model}; move it back to its "
            f"place, or delete it; {UPDATE}"
        )
    if then.tokenizer != now.tokenizer:
        return f"recorded with another tokenizer ({then.tokenizer[:12]}, now {now.tokenizer[:12]}); {UPDATE}"
    if then.prompts != now.prompts:
        return f"the prompts differ from the recorded ones ({then.prompts[:12]}, now {now.prompts[:12]}); {UPDATE}"
    for name in ("dtype", "mode"):
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            return f"recorded with {name} {before}, and this run has {after}; {UPDATE}"
    return ""


def environment_differences(then: BaselineHeader, now: BaselineHeader) -> Iterator[str]:
    """Return the differences that do not prevent a comparison, such as `torch 2.8.0 (now 2.9.1)`."""
    for name in ("engine", "device"):
        before, after = getattr(then, name), getattr(now, name)
        if before != after and "none" not in (before, after):  # all measurements were cached: no engine ran
            yield f"{name} {before} (now {after})"
    for name, version in sorted(then.versions.items()):
        if now.versions.get(name, version) != version:
            yield f"{name} {version} (now {now.versions[name]})"
