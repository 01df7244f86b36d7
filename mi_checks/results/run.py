"""The record of a run as plain data: its settings, measurements and verdicts, readable without the model.

The terminal, JUnit XML and the report show only what is recorded here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence
from mi_checks.stats.estimate import Estimate, Outcome, Parts

# 6: estimates had neither clusters nor refusals, effects no factors, results no p-values; 5: claims were sentences
# 4: results had no deciding node, parts, reasons; examples no place; runs no lints, guards, omissions; 3: circuits no
# cards of neurons, heads no sources; 2: no circuits and curves; 1: no hashes of prompts in results
SCHEMA_VERSION = 7
# The ids and kinds of items that are not checks: a comparison with the baseline or the reference model, and lints.
BASELINE, REFERENCE, LINT = "baseline", "base", "lint"
FAMILYWISE = "familywise"  # the setting of a run whose p-values were corrected together
LintKind = Literal["answer", "faithfulness", "embedding"]


@dataclass(frozen=True)
class FileLine:
    """A line of a behaviour file."""

    file: Annotated[str, 'as messages show it; "" if there is none']
    line: Annotated[int, "from 1; 0 if there is none"]

    def __str__(self) -> str:
        """Return text such as `behaviours/induction.yaml:20`."""
        return f"{self.file}:{self.line}" if self.file else ""


NO_LINE = FileLine("", 0)


@dataclass(frozen=True)
class CheckResult:
    """The result of one pytest item."""

    behaviour: str
    model: str
    check: Annotated[str, 'the check\'s id, e.g. "patching[induction]"; "absent" for a model that is declared absent']
    kind: str
    node_id: str
    claim: Annotated[Claim | None, "what is claimed; None if nothing could be measured"]
    outcome: Outcome
    estimate: Estimate | None
    bound: str
    at_least: float | None
    at_most: float | None
    message: Annotated[str, '"" if it passed']
    place: Annotated[FileLine, "where it is claimed"]
    per_prompt: Annotated[tuple[float, ...], "the per-prompt values behind the estimate, in prompt order"] = ()
    seconds: float = 0.0
    prompts_sha256: Annotated[str, 'of the prompts and the tokenizer; "" if it was not measured on prompts'] = ""
    p_value: Annotated[
        float | None, "of the hypothesis that the claim is false; a pass needs less than 2.5 %. None without a test"
    ] = None
    deciding: Annotated[str, "the node or edge whose numbers are shown, if the claim is about several"] = ""
    detail: Annotated[str, 'how it was tested, and further observations, in words: "Holm-corrected over 12 heads"'] = ""
    reason: Annotated[str, "why it did not pass, in a sentence or several lines"] = ""
    parts: Annotated[Parts | None, "of an estimate that is a fraction; None for others"] = None
    verdict: Annotated[str, 'of a comparison with the reference model, such as "both kept"; "" for other items'] = ""
    nodes_lost: Annotated[
        tuple[str, ...],
        "nodes to which a role is no longer bound, or which were recorded or claimed to mediate and do not",
    ] = ()
    nodes_gained: Annotated[
        tuple[str, ...], "nodes to which a role is newly bound, or which mediate and were not recorded or claimed to"
    ] = ()
    declared: Annotated[str, '"inconclusive" if the file declares the check inconclusive on this model, or ""'] = ""

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)

    @property
    def is_as_declared(self) -> bool:
        """Return whether it is inconclusive, as the file declares."""
        return self.declared == self.outcome == "inconclusive"

    @property
    def is_failure(self) -> bool:
        """Return whether its item fails: it neither passed, nor was skipped, nor is inconclusive as declared."""
        return self.outcome not in ("pass", "skipped") and not self.is_as_declared


@dataclass(frozen=True)
class Mutant:
    """A model in which a claim is false, with the outcome of the check on it."""

    mutation: Annotated[str, 'in words: "what L1H1 writes is zero"']
    outcome: Annotated[Outcome, "the outcome of the check; any outcome but a pass kills the mutant"]
    estimate: Estimate | None
    reason: Annotated[str, 'why it did not pass or could not be measured; "" if it passed']

    @property
    def killed(self) -> bool:
        """Return whether the check did not pass, as it should."""
        return self.outcome != "pass"


def mutants_id(check: str) -> str:
    """Return the id of a check's mutants: `patching~mutants[induction]` for `patching[induction]`.

    The bracket stays at the end because pytest 9 reads an id up to its last bracket.
    """
    kind, bracket, of = check.partition("[")
    return f"{kind}~mutants{bracket}{of}"


@dataclass(frozen=True)
class MutantsResult:
    """All mutants of one check on one model."""

    behaviour: str
    model: str
    check: Annotated[str, "the check's id"]
    node_id: str
    outcome: Annotated[Outcome, '"fail" if a mutant survived, "skipped" if none was made']
    mutants: tuple[Mutant, ...]
    message: Annotated[str, '"" if it passed; the reason if it was skipped']
    place: Annotated[FileLine, "where it is claimed"]
    seconds: float = 0.0

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Return the mutants that survived: those on which the check passed."""
        return tuple(mutant for mutant in self.mutants if not mutant.killed)


@dataclass(frozen=True)
class Lint:
    """A reason to doubt that a behaviour measures what it should, even if its checks pass."""

    behaviour: str
    model: str
    kind: LintKind
    message: Annotated[str, "what was measured and what to do about it, in a sentence or two"]
    place: Annotated[FileLine, "where it is claimed"]
    estimate: Annotated[Estimate | None, "what was measured"] = None
    check: Annotated[str, 'the check whose value it is about; "" if it is about the prompts'] = ""

    @property
    def location(self) -> str:
        """Return `file:line`."""
        return str(self.place)


@dataclass(frozen=True)
class GuardResult:
    """One comparison of a loaded model with plain hooks on the wrapped model."""

    name: Annotated[str, "what was compared"]
    error: Annotated[
        float | None, "the largest difference, as a fraction of what was compared; None if it could not be made"
    ]
    limit: Annotated[float, "the largest error that counts as rounding"]
    refuses: Annotated[tuple[str, ...], "what is refused on this model if the error is larger"]
    reason: Annotated[str, 'why it is refused; "" if the comparison holds']


@dataclass(frozen=True)
class ModelGuards:
    """The comparisons of one model that were made when it was loaded."""

    about: Annotated[str, "the input on which they were made"]
    results: tuple[GuardResult, ...]


@dataclass(frozen=True)
class Run:
    """The record of one session of pytest."""

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
    omitted: Annotated[tuple[str, ...], "sentences that say what the record lacks, and why"] = ()
    lints: tuple[Lint, ...] = ()
    guards: Annotated[dict[str, ModelGuards], "the guards of each model"] = field(default_factory=dict)
    selected: Annotated[int | None, "the number of selected checks; None if unknown"] = None
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def cut_short(self) -> tuple[int, int] | None:
        """Return the numbers of checks that ran and that were selected, or None if all ran."""
        ran = len(self.results)
        return None if self.selected is None or ran >= self.selected else (ran, self.selected)

    def to_json(self) -> str:
        """Return the run as JSON with sorted keys.

        Raises:
            ValueError: a number is NaN or infinite, which cannot occur.
        """
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False, ensure_ascii=True)


@dataclass(frozen=True)
class RunInProgress(Run):
    """What a run that is still going on has measured so far; it is shown in a report and never stored."""
