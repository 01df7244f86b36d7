"""The run: what was asked, measured and judged, as plain data that survives without the model.

Everything the terminal, junit and the report show is read from here.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from mi_checks.stats.estimate import Estimate, Outcome, Parts

# 4: results had no deciding node, parts, reasons; examples no place; runs no lints, guards, omissions; 3: circuits no
# cards of neurons, heads no sources; 2: no circuits and curves; 1: no hashes of prompts in results
SCHEMA_VERSION = 5
OF_HEADS = "share recovered by each head"  # how the title of a heat map of whole heads begins, " at LABEL" after it
HEAD_SWEEP = "the sweep of all heads"  # as `omitted` calls it
MEDIATOR_LIST = "the list of mediators"  # likewise
BASELINE = "baseline"  # the id of the item that compares a model with its baseline, and its kind
MEDIATES = 0.1  # of clean − corrupt; a head whose interval lies above it mediates
Ability = Literal["can", "cannot", "in part", "cannot tell"]
Rank = Literal["median", "best", "worst", ""]  # of a prompt pair by its effect size; "": not known
LintKind = Literal["answer", "faithfulness", "embedding"]


@dataclass(frozen=True)
class CheckResult:
    """One pytest item."""

    behaviour: str
    model: str
    check: str  # the check's id, e.g. "patching[induction]"; "absent" for a model declared so
    kind: str
    node_id: str
    claim: str  # in words: "denoising L1H3 recovers at least 0.5 of clean − corrupt"
    outcome: Outcome
    estimate: Estimate | None
    bound: str
    at_least: float | None
    at_most: float | None
    message: str  # empty when it passed
    location: str  # file:line of the check
    per_prompt: tuple[float, ...] = ()  # the per-prompt values behind the estimate, in prompt order
    seconds: float = 0.0
    prompts_sha256: str = ""  # of the prompts and the tokenizer; "" where it was measured on none
    deciding: str = ""  # the node or edge that the numbers are of, where a claim about several shows those of one
    detail: str = ""  # how it was tested and what else was seen, in words: "Holm-corrected over 12 heads"
    reason: str = ""  # why it is not a pass, in a sentence or several lines
    parts: Parts | None = None  # of an estimate that is a fraction; None for others
    nodes_lost: tuple[str, ...] = ()  # that a role is no longer bound to; that were recorded, or claimed, to mediate
    nodes_gained: tuple[str, ...] = ()  # that a role is bound to now; that mediate and were not said to


@dataclass(frozen=True)
class Mutant:
    """A model in which a claim is false, and what the claim's check made of it."""

    mutation: str  # in words: "what L1H1 writes is zero"
    outcome: Outcome  # of the check; whatever is not a pass has killed the mutant
    estimate: Estimate | None
    reason: str  # why it does not pass, or cannot be measured; empty when it passed

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
    check: str  # the check's id
    node_id: str
    outcome: Outcome  # "fail" where a mutant survived, "skipped" where none was made
    mutants: tuple[Mutant, ...]
    message: str  # empty when it passed; why, when it was skipped
    location: str  # file:line of the check
    seconds: float = 0.0

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """Those on which the check slept."""
        return tuple(mutant for mutant in self.mutants if not mutant.killed)


@dataclass(frozen=True)
class Architecture:
    """What models are put side by side by."""

    kind: str  # "attention-only", or what its MLPs are: "gelu", "solu"
    n_layers: int
    n_heads: int


@dataclass(frozen=True)
class Preference:
    """What one check of the preference measured, and the bound that this model is held to."""

    check: str  # its id
    estimate: Estimate
    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Effect:
    """How much of a behaviour a model shows, and what the checks of the preference make of it.

    Models are compared only on equal prompts: of equal `prompts_sha256`, which also tells tokenizers apart.
    """

    behaviour: str
    model: str
    architecture: Architecture
    checkpoint: str  # of training, as provenance has it; "" at its end
    declared: Literal["present", "absent", "not named"]
    against: Literal["foils", "corrupt"]  # "corrupt": what it is on the corrupt prompts is taken off
    estimate: Estimate  # mean score: the logit difference, or what the behaviour scores instead
    per_prompt: tuple[float, ...]  # the values behind it, in prompt order
    prompts_sha256: str
    preferences: tuple[Preference, ...]
    ability: Ability  # "can": every check of the preference passes; "cannot": every one surely fails
    outcome: Outcome  # whether that is what was declared


@dataclass(frozen=True)
class TokenView:
    """One token of an example prompt, for showing."""

    text: str
    label: str  # "" where there is none
    differs: bool  # clean and corrupt have different tokens here


@dataclass(frozen=True)
class Prediction:
    """A token among the most probable at END."""

    text: str
    probability: float


@dataclass(frozen=True)
class Example:
    """One prompt pair as it was run."""

    clean: tuple[TokenView, ...]
    corrupt: tuple[TokenView, ...]
    answers: tuple[str, ...]
    foils: tuple[str, ...]
    clean_logit_diff: float
    corrupt_logit_diff: float
    clean_top: tuple[Prediction, ...]
    corrupt_top: tuple[Prediction, ...]
    prompt: int = 0  # its place among the prompt pairs, from 0
    rank: Rank = ""  # where it stands among them by effect size, clean − corrupt


@dataclass(frozen=True)
class Heatmap:
    """Recovered share per node, from denoising each alone: rows are layers, columns heads, listed nodes or labels."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]  # None: not measured


@dataclass(frozen=True)
class Mediator:
    """A node that is among those that recover most when denoised alone."""

    node: str
    at: str  # the label patched at; "" for all positions
    estimate: Estimate  # share of clean − corrupt


@dataclass(frozen=True)
class CircuitNode:
    """A node of the circuit behind a behaviour: one that is claimed to be in it, or found to mediate, or both."""

    node: str
    kind: str  # "head", "neuron", "mlp" or "attn"
    layer: int
    role: str  # the role or node set by which it is claimed; "" where it is claimed by its own name, or not at all
    claimed: bool
    found: bool  # the interval of what it recovers alone lies above `MEDIATES`
    at: str  # the label at which it was denoised; "" for all positions
    effect: Estimate | None  # share of clean − corrupt recovered by denoising it alone; None: there is no gap to share


@dataclass(frozen=True)
class CircuitEdge:
    """A path of one hop: what one node writes, as one input of another reads it."""

    sender: str
    receiver: str  # a head, an MLP layer such as "L0.mlp", or "logits"
    via: str  # the input of a receiving head: "q", "k" or "v"; "" elsewhere
    claimed: bool
    found: bool  # the interval lies above `MEDIATES`
    effect: Estimate | None  # share of clean − corrupt recovered by path patching it alone; None: no gap to share


@dataclass(frozen=True)
class HeadCard:
    """What one head of a circuit does."""

    head: str
    direct: Estimate | None  # written directly into the clean logit difference; None: not linear, or not measured
    ablation: str  # how a check ablates it alone: "zero", "mean" or "resample"; "" where none does
    removes: Estimate | None  # share of clean − corrupt that this ablation takes away
    attention: tuple[tuple[int, ...], ...]  # percent, on the first example's clean prompt: destination, source up to it
    sources: tuple[float, ...] = ()  # what it writes directly there, by the token it takes it from; () as `direct`


@dataclass(frozen=True)
class Activation:
    """A token at which a neuron is active."""

    before: tuple[str, ...]  # tokens on the left of it, as far as they are shown
    token: str
    label: str  # what the token is labelled; "" where nothing
    value: float


@dataclass(frozen=True)
class Promotion:
    """A token whose logit a neuron's output weights raise or lower."""

    token: str
    logit: float  # per unit of activation, before the final norm's scale and less the mean over the vocabulary


@dataclass(frozen=True)
class NeuronCard:
    """What one neuron of a circuit does."""

    neuron: str
    direct: Estimate | None  # written directly into the clean logit difference; None: not linear, or not measured
    ablation: str  # how a check ablates it alone; "" where none does
    removes: Estimate | None  # share of clean − corrupt that this ablation takes away
    active: tuple[Activation, ...]  # where it is most, on clean prompts, the largest first
    promotes: tuple[Promotion, ...]  # the most first; () where the engine does not know the weights
    suppresses: tuple[Promotion, ...]  # likewise


@dataclass(frozen=True)
class Circuit:
    """The circuit behind a behaviour as far as it was measured, claimed and found."""

    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    cards: tuple[HeadCard, ...]  # of the heads with the largest effects
    omitted: int  # nodes, claimed or found, that are not among these as there are too many
    n: int  # prompts on which edges were measured; 0: on these there is no gap to share, and none was found
    neurons: tuple[NeuronCard, ...] = ()  # of the neurons among the nodes


@dataclass(frozen=True)
class CurvePoint:
    """Faithfulness of a circuit of one size."""

    size: int
    faithfulness: Estimate


@dataclass(frozen=True)
class Curve:
    """Faithfulness over circuits of every size, and the areas under and beside it."""

    among: str  # "heads" or "heads_and_mlps"
    ablation: str
    nodes: int  # in the largest circuit, the whole
    points: tuple[CurvePoint, ...]
    cpr: Estimate
    cmd: Estimate


@dataclass(frozen=True)
class Evidence:
    """What was measured for one behaviour on one model, whatever checks read it."""

    behaviour: str
    model: str
    summary: str
    source: str
    declared: str  # "present" or "absent"
    yaml: str  # the behaviour file as written
    yaml_path: str
    n: int
    logit_diff: Estimate  # on the clean prompts
    effect: Effect
    examples: tuple[Example, ...]
    heatmaps: tuple[Heatmap, ...]
    mediators: tuple[Mediator, ...] = ()  # the strongest of each sweep of heads
    circuit: Circuit | None = None  # None where no head was swept, or none claimed or found
    curves: tuple[Curve, ...] = ()  # of the checks that ran
    score: str = "first_token"  # how continuations are scored, as the behaviour file has it
    effect_sizes: tuple[float, ...] = ()  # clean − corrupt score, in prompt order: the denominator of most fractions
    omitted: tuple[str, ...] = ()  # sentences on what could not be measured for the report, and why

    @property
    def knows_mediators(self) -> bool:
        """Whether the heads that mediate could be measured; otherwise `mediators` says nothing of those it lacks."""
        return not any(sentence.lower().startswith((HEAD_SWEEP, MEDIATOR_LIST)) for sentence in self.omitted)


@dataclass(frozen=True)
class Lint:
    """A reason to doubt that a behaviour measures what it is meant to, though its checks may pass."""

    behaviour: str
    model: str
    kind: LintKind
    message: str  # what was measured and what to do about it, in a sentence or two
    location: str  # file:line
    estimate: Estimate | None = None  # what was measured
    check: str = ""  # the check whose value it is about; "" where it is about the prompts


@dataclass(frozen=True)
class GuardResult:
    """One comparison of a model with itself, made when it was loaded."""

    name: str  # what was compared
    error: float | None  # the largest difference, as a fraction of what was compared; None where it could not be made
    limit: float  # the largest error that counts as rounding
    refuses: tuple[str, ...]  # what is refused on this model where the error is larger
    reason: str  # why; "" where the comparison holds


@dataclass(frozen=True)
class ModelGuards:
    """All such comparisons of one model."""

    about: str  # on what they were made
    results: tuple[GuardResult, ...]


@dataclass(frozen=True)
class Run:
    """One session of pytest."""

    command: str
    started: str  # ISO 8601, UTC
    seconds: float
    versions: dict[str, str]
    settings: dict[str, str]
    models: dict[str, dict[str, str]]  # model → provenance: source, weights hash, tokenizer hash, dtype, device
    results: tuple[CheckResult, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    mutants: tuple[MutantsResult, ...] = ()
    omitted: tuple[str, ...] = ()  # sentences on what the run could not add to its record, and why
    lints: tuple[Lint, ...] = ()
    guards: dict[str, ModelGuards] = field(default_factory=dict)  # by model
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def cut_short(self) -> tuple[int, int] | None:
        """How many checks ran of how many that were selected; None where all did."""
        found = re.fullmatch(r"(\d+) of (\d+)", self.settings.get("checks run", ""))
        if found is None or int(found[1]) >= int(found[2]):
            return None
        return int(found[1]), int(found[2])

    def to_json(self) -> str:
        """Plain JSON, keys sorted; NaN and infinities cannot occur, and raise ValueError if they do."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False, ensure_ascii=True)


def result_from_dict(data: dict[str, Any]) -> CheckResult:
    """The inverse of `dataclasses.asdict` for a result that crossed a process boundary."""
    return cast("CheckResult", _reader(CheckResult).validate_python(data))


def mutants_from_dict(data: dict[str, Any]) -> MutantsResult:
    """The inverse of `dataclasses.asdict` for the mutants of a check that crossed a process boundary."""
    return cast("MutantsResult", _reader(MutantsResult).validate_python(data))


def guards_from_dict(data: dict[str, Any]) -> ModelGuards:
    """The inverse of `dataclasses.asdict` for guards that crossed a process boundary."""
    return cast("ModelGuards", _reader(ModelGuards).validate_python(data))


def evidence_from_dict(data: dict[str, Any]) -> Evidence:
    """The inverse of `dataclasses.asdict` for evidence that crossed a process boundary."""
    return cast("Evidence", _reader(Evidence).validate_python(data))


def lint_from_dict(data: dict[str, Any]) -> Lint:
    """The inverse of `dataclasses.asdict` for a lint that crossed a process boundary."""
    return cast("Lint", _reader(Lint).validate_python(data))


@cache
def _reader(of: type) -> TypeAdapter[Any]:
    return TypeAdapter(of)
