"""A baseline: the effects of one behaviour on one model, as numbers of fixed precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

from mi_checks.results.claim import Claim, without_bounds
from mi_checks.results.evidence import Evidence, Mediator
from mi_checks.results.run import BASE, BASELINE, LINT, CheckResult
from mi_checks.stats.estimate import Estimate, Parts

DECIMALS = 4  # of estimates
DECIMALS_PER_PROMPT = 3
NO_CHECKS = ("role", BASELINE, BASE, LINT)  # kinds of results that measure nothing of their own on prompts
MAX_ROUNDING_STEPS = 1.1  # of the last decimal: one step is what two machines may make of one number


@dataclass(frozen=True)
class RecordedCheck:
    """What one check measured.

    Attributes:
        claim: what the numbers are of, without bounds; None in files of schemas 1 and 2, where it was a sentence.
        deciding: the node that the numbers are of, where a claim about several shows those of one.
        estimate: None where nothing could be measured.
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
    """All checks of a behaviour on a model, by id, and what its sweeps of heads found strongest.

    Attributes:
        header: what it was measured on and with.
        checks: what each check measured.
        mediators: the strongest heads of each sweep.
        effect_sizes: clean − corrupt score, `prompt`: what most fractions are of; empty in files of schema 1.
    """

    header: BaselineHeader
    checks: Mapping[str, RecordedCheck]
    mediators: tuple[Mediator, ...]
    effect_sizes: tuple[float, ...] = ()


def baseline(
    header: BaselineHeader,
    results: Iterable[CheckResult],
    mediators: tuple[Mediator, ...],
    effect_sizes: tuple[float, ...] = (),
) -> Baseline:
    """Return what a baseline holds of a run, rounded. Roles have a file of their own."""
    checks = {result.check: recorded(result) for result in results if result.kind not in NO_CHECKS}
    rounded = tuple(replace(each, estimate=_rounded(each.estimate)) for each in mediators)
    return Baseline(header, checks, rounded, _rounded_per_prompt(effect_sizes))


def recorded(result: CheckResult) -> RecordedCheck:
    """Return what a check measured, rounded."""
    return RecordedCheck(
        None if result.claim is None else without_bounds(result.claim),
        result.deciding,
        None if result.estimate is None else _rounded(result.estimate),
        _rounded_per_prompt(result.per_prompt),
        None if result.parts is None else _rounded_parts(result.parts),
    )


def settled(new: Baseline, old: Baseline) -> Baseline:
    """Return the new baseline with the old one's numbers wherever they differ by no more than rounding."""
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
    sizes = _settled_values(new.effect_sizes, old.effect_sizes)
    return Baseline(new.header, checks, mediators, sizes)


def _settled_check(new: RecordedCheck, old: RecordedCheck) -> RecordedCheck:
    if new.estimate is None or old.estimate is None or len(new.per_prompt) != len(old.per_prompt):
        return new
    return replace(
        new,
        estimate=_near(new.estimate, old.estimate),
        per_prompt=_settled_values(new.per_prompt, old.per_prompt),
        parts=_settled_parts(new.parts, old.parts),
    )


def _settled_parts(new: Parts | None, old: Parts | None) -> Parts | None:
    if new is None or old is None:
        return new
    numerator = new.numerator
    if numerator is not None and old.numerator is not None:
        numerator = _near(numerator, old.numerator)
    return replace(new, numerator=numerator, denominator=_near(new.denominator, old.denominator))


def _settled_values(new: tuple[float, ...], old: tuple[float, ...]) -> tuple[float, ...]:
    if len(new) != len(old):
        return new
    return tuple(_settled(value, before, DECIMALS_PER_PROMPT) for value, before in zip(new, old, strict=True))


def _near(new: Estimate, old: Estimate) -> Estimate:
    return replace(
        new,
        value=_settled(new.value, old.value, DECIMALS),
        low=_settled(new.low, old.low, DECIMALS),
        high=_settled(new.high, old.high, DECIMALS),
    )


def _settled(value: float, before: float, decimals: int) -> float:
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


UPDATE = "pytest --mi-update records it anew, where that is meant"


@dataclass(frozen=True)
class BaselineHeader:
    """Of one behaviour on one model; hashes are sha256 in hexadecimal."""

    behaviour: str
    model: str
    revision: str  # of the weights, "" where they have none
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


HASHES = ("weights", "tokenizer", "prompts")
TEXTS = tuple(field.name for field in fields(BaselineHeader) if field.name != "versions")


def reason_not_comparable(then: BaselineHeader, now: BaselineHeader) -> str:
    """Why effects cannot be compared, with the remedy; nothing where they can.

    Other weights, another revision, engine, device or library are what a baseline is there to be compared across.
    """
    if (then.behaviour, then.model) != (now.behaviour, now.model):
        return (
            f"it is of {then.behaviour} on {then.model}, not of {now.behaviour} on {now.model}; put it back in its "
            f"place, or delete it: {UPDATE}"
        )
    if then.tokenizer != now.tokenizer:
        return f"recorded with another tokenizer ({then.tokenizer[:12]}, now {now.tokenizer[:12]}); {UPDATE}"
    if then.prompts != now.prompts:
        return f"the prompts are others than those recorded ({then.prompts[:12]}, now {now.prompts[:12]}); {UPDATE}"
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
