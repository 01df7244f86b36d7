"""The record of a run as plain data: its settings, measurements and verdicts, readable without the model.

Everything the terminal, junit and the report show is read from here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence
from mi_checks.stats.estimate import Estimate, Outcome, Parts

# 5: claims were sentences
# 4: results had no deciding node, parts, reasons; examples no place; runs no lints, guards, omissions; 3: circuits no
# cards of neurons, heads no sources; 2: no circuits and curves; 1: no hashes of prompts in results
SCHEMA_VERSION = 6
# Ids, and kinds, of items that are no checks: a comparison with the baseline or the reference model, and the lints.
BASELINE, BASE, LINT = "baseline", "base", "lint"
LintKind = Literal["answer", "faithfulness", "embedding"]


@dataclass(frozen=True)
class FileLine:
    """A line of a behaviour file."""

    file: Annotated[str, 'as messages show it; "" where there is none']
    line: Annotated[int, "from 1; 0 where there is none"]

    def __str__(self) -> str:
        """`behaviours/induction.yaml:20`."""
        return f"{self.file}:{self.line}" if self.file else ""


NO_LINE = FileLine("", 0)


@dataclass(frozen=True)
class CheckResult:
    """One pytest item."""

    behaviour: str
    model: str
    check: Annotated[str, 'the check\'s id, e.g. "patching[induction]"; "absent" for a model declared so']
    kind: str
    node_id: str
    claim: Annotated[Claim | None, "what is claimed; None where nothing could be measured"]
    outcome: Outcome
    estimate: Estimate | None
    bound: str
    at_least: float | None
    at_most: float | None
    message: Annotated[str, "empty when it passed"]
    place: Annotated[FileLine, "where it is claimed"]
    per_prompt: Annotated[tuple[float, ...], "the per-prompt values behind the estimate, in prompt order"] = ()
    seconds: float = 0.0
    prompts_sha256: Annotated[str, 'of the prompts and the tokenizer; "" where it was measured on none'] = ""
    deciding: Annotated[
        str, "the node or edge that the numbers are of, where a claim about several shows those of one"
    ] = ""
    detail: Annotated[str, 'how it was tested and what else was seen, in words: "Holm-corrected over 12 heads"'] = ""
    reason: Annotated[str, "why it is not a pass, in a sentence or several lines"] = ""
    parts: Annotated[Parts | None, "of an estimate that is a fraction; None for others"] = None
    verdict: Annotated[str, 'what a model is to its base: "both kept"; "" for other items'] = ""
    nodes_lost: Annotated[
        tuple[str, ...], "that a role is no longer bound to; that were recorded, or claimed, to mediate"
    ] = ()
    nodes_gained: Annotated[tuple[str, ...], "that a role is bound to now; that mediate and were not said to"] = ()

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)


@dataclass(frozen=True)
class Mutant:
    """A model in which a claim is false, with the outcome of the claim's check on it."""

    mutation: Annotated[str, 'in words: "what L1H1 writes is zero"']
    outcome: Annotated[Outcome, "of the check; whatever is not a pass has killed the mutant"]
    estimate: Estimate | None
    reason: Annotated[str, "why it does not pass, or cannot be measured; empty when it passed"]

    @property
    def killed(self) -> bool:
        """Whether the check was red, as it should be."""
        return self.outcome != "pass"


def mutants_id(check: str) -> str:
    """`patching[induction]` → `patching~mutants[induction]`: pytest 9 reads on to the last bracket of an id."""
    kind, bracket, of = check.partition("[")
    return f"{kind}~mutants{bracket}{of}"


@dataclass(frozen=True)
class MutantsResult:
    """All mutants of one check on one model."""

    behaviour: str
    model: str
    check: Annotated[str, "the check's id"]
    node_id: str
    outcome: Annotated[Outcome, '"fail" where a mutant survived, "skipped" where none was made']
    mutants: tuple[Mutant, ...]
    message: Annotated[str, "empty when it passed; why, when it was skipped"]
    place: Annotated[FileLine, "where it is claimed"]
    seconds: float = 0.0

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Those on which the check slept."""
        return tuple(mutant for mutant in self.mutants if not mutant.killed)


@dataclass(frozen=True)
class Lint:
    """A reason to doubt that a behaviour measures what it is meant to, though its checks may pass."""

    behaviour: str
    model: str
    kind: LintKind
    message: Annotated[str, "what was measured and what to do about it, in a sentence or two"]
    place: Annotated[FileLine, "where it is claimed"]
    estimate: Annotated[Estimate | None, "what was measured"] = None
    check: Annotated[str, 'the check whose value it is about; "" where it is about the prompts'] = ""

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)


@dataclass(frozen=True)
class GuardResult:
    """One comparison of a model with itself, made when it was loaded."""

    name: Annotated[str, "what was compared"]
    error: Annotated[
        float | None, "the largest difference, as a fraction of what was compared; None where it could not be made"
    ]
    limit: Annotated[float, "the largest error that counts as rounding"]
    refuses: Annotated[tuple[str, ...], "what is refused on this model where the error is larger"]
    reason: Annotated[str, 'why; "" where the comparison holds']


@dataclass(frozen=True)
class ModelGuards:
    """All such comparisons of one model."""

    about: Annotated[str, "on what they were made"]
    results: tuple[GuardResult, ...]


@dataclass(frozen=True)
class Run:
    """One session of pytest."""

    command: str
    started: Annotated[str, "ISO 8601, UTC"]
    seconds: float
    versions: dict[str, str]
    settings: dict[str, str]
    models: Annotated[
        dict[str, dict[str, str]], "model → provenance: source, weights hash, tokenizer hash, dtype, device"
    ]
    results: tuple[CheckResult, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    mutants: tuple[MutantsResult, ...] = ()
    omitted: Annotated[tuple[str, ...], "sentences on what the run could not add to its record, and why"] = ()
    lints: tuple[Lint, ...] = ()
    guards: Annotated[dict[str, ModelGuards], "by model"] = field(default_factory=dict)
    selected: Annotated[int | None, "how many checks were to run; None where that is not known"] = None
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def cut_short(self) -> tuple[int, int] | None:
        """How many checks ran of how many that were selected; None where all did."""
        ran = len(self.results)
        return None if self.selected is None or ran >= self.selected else (ran, self.selected)

    def to_json(self) -> str:
        """Plain JSON, keys sorted; NaN and infinities cannot occur, and raise ValueError if they do."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False, ensure_ascii=True)
