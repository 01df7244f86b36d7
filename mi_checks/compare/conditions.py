"""What a baseline was measured on and with; which of it must be the same for effects to be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from mi_checks.results.evidence import Evidence

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
