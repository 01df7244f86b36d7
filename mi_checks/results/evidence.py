"""What was measured for one behaviour on one model, apart from its check results, for reports and comparisons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from mi_checks.prompts.factors import Factor
from mi_checks.stats.estimate import Estimate, Outcome
from mi_checks.stats.sampling import SamplingDesign

HEAD_SWEEP = "the sweep of all heads"  # as omissions name it
MIN_MEDIATOR_FRACTION = 0.1  # fraction of clean − corrupt; a head mediates if its whole interval lies above it
Ability = Literal["can", "cannot", "in part", "inconclusive"]
Rank = Literal["median", "best", "worst", ""]  # of a prompt pair by its effect size; "" if unknown


@dataclass(frozen=True)
class Architecture:
    """The properties by which models are compared: neighbours differ in one of them."""

    kind: Annotated[str, '"attention-only", or the activation of its MLPs, such as "gelu"']
    n_layers: int
    n_heads: int


@dataclass(frozen=True)
class Preference:
    """The estimate of one behavioural check (`logit_diff` or `accuracy`), and its bound on this model."""

    check: Annotated[str, "the check's id"]
    estimate: Estimate
    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Effect:
    """The effect of a behaviour on a model, and the verdicts of its behavioural checks.

    Models are compared only if `prompts_sha256`, which covers the prompts and the tokenizer, is equal.
    """

    behaviour: str
    model: str
    architecture: Architecture
    checkpoint: Annotated[str, 'the training checkpoint, such as "checkpoint 500"; "" for the end of training']
    declared: Literal["present", "absent", "not named"]
    against: Annotated[Literal["foils", "corrupt"], '"corrupt": the mean score on the corrupt prompts is subtracted']
    estimate: Annotated[Estimate, "the mean score: the logit difference, or the behaviour's own score"]
    per_prompt: Annotated[tuple[float, ...], "the values behind the estimate, in prompt order"]
    prompts_sha256: str
    preferences: tuple[Preference, ...]
    ability: Annotated[Ability, '"can": every behavioural check passes; "cannot": every one fails significantly']
    outcome: Annotated[Outcome, "whether the ability is as declared"]
    factors: Annotated[tuple[Factor, ...], "the finite sources of the prompts' values"] = ()

    @property
    def design(self) -> SamplingDesign:
        """Return how the prompts were drawn."""
        return SamplingDesign(len(self.per_prompt), self.factors)


@dataclass(frozen=True)
class TokenView:
    """One token of an example prompt."""

    text: str
    label: Annotated[str, 'the label of its position; "" if it has none']
    differs: Annotated[bool, "whether clean and corrupt prompt have different tokens at this position"]


@dataclass(frozen=True)
class Prediction:
    """A token among the most probable at END."""

    text: str
    probability: float


@dataclass(frozen=True)
class Example:
    """One prompt pair, with what the model predicts on it."""

    clean: tuple[TokenView, ...]
    corrupt: tuple[TokenView, ...]
    answers: tuple[str, ...]
    foils: tuple[str, ...]
    clean_logit_diff: float
    corrupt_logit_diff: float
    clean_top: tuple[Prediction, ...]
    corrupt_top: tuple[Prediction, ...]
    prompt: Annotated[int, "its index among the prompt pairs, from 0"] = 0
    rank: Annotated[Rank, "its rank by effect size, clean − corrupt"] = ""


@dataclass(frozen=True)
class Heatmap:
    """The fraction recovered by denoising each node alone: layers × heads, listed nodes or labels."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Annotated[tuple[tuple[float | None, ...], ...], "None if not measured"]
    component: Annotated[str, 'what was denoised: "head", "q", "neuron", or "resid_pre" of the map of labels'] = ""
    at: Annotated[str, 'the label at which it was denoised; "" for all positions, or for the map of labels'] = ""


@dataclass(frozen=True)
class Mediator:
    """A node that is among those that recover the most when each is denoised alone."""

    node: str
    at: Annotated[str, 'the label at which it was denoised; "" for all positions']
    estimate: Annotated[Estimate, "fraction of clean − corrupt"]


@dataclass(frozen=True)
class CircuitNode:
    """A node of the circuit behind a behaviour: one that is claimed to be in it, or found to mediate, or both."""

    node: str
    kind: Annotated[str, '"head", "neuron", "mlp" or "attn"']
    layer: int
    role: Annotated[
        str, 'the role or node set by which it is claimed; "" if it is claimed by its own name, or not claimed'
    ]
    claimed: bool
    found: Annotated[bool, "whether the interval of what it recovers alone lies above `MIN_MEDIATOR_FRACTION`"]
    at: Annotated[str, 'the label at which it was denoised; "" for all positions']
    effect: Annotated[
        Estimate | None,
        "fraction of clean − corrupt recovered by denoising it alone; None if clean − corrupt is not above zero",
    ]


@dataclass(frozen=True)
class CircuitEdge:
    """A path of one hop, from a sender to one input of a receiver."""

    sender: str
    receiver: Annotated[str, 'a head, an MLP layer such as "L0.mlp", or "logits"']
    via: Annotated[str, 'the input of a receiving head: "q", "k" or "v"; "" for other receivers']
    claimed: bool
    found: Annotated[bool, "whether the interval lies above `MIN_MEDIATOR_FRACTION`"]
    effect: Annotated[
        Estimate | None,
        "fraction of clean − corrupt recovered by path patching it alone; None if clean − corrupt is not above zero",
    ]


@dataclass(frozen=True)
class HeadCard:
    """Measurements of one head of a circuit."""

    head: str
    direct: Annotated[
        Estimate | None, "direct logit attribution on the clean prompts; None if not linear or not measured"
    ]
    ablation: Annotated[str, 'how a check ablates it alone: "zero", "mean" or "resample"; "" if no check does']
    removes: Annotated[Estimate | None, "fraction of clean − corrupt that this ablation removes"]
    attention: Annotated[
        tuple[tuple[int, ...], ...],
        "in percent, on the first example's clean prompt: for each destination the sources up to it",
    ]
    sources: Annotated[
        tuple[float, ...], "its direct logit attribution there by source token; () if `direct` is None"
    ] = ()


@dataclass(frozen=True)
class Activation:
    """A token at which a neuron is active."""

    before: Annotated[tuple[str, ...], "the tokens before it that are shown"]
    token: str
    label: Annotated[str, 'the label of its position; "" if it has none']
    value: float


@dataclass(frozen=True)
class Promotion:
    """A token whose logit a neuron's output weights raise or lower."""

    token: str
    logit: Annotated[
        float, "per unit of activation, before the scale of the final norm and minus the mean over the vocabulary"
    ]


@dataclass(frozen=True)
class NeuronCard:
    """Measurements of one neuron of a circuit."""

    neuron: str
    direct: Annotated[
        Estimate | None, "direct logit attribution on the clean prompts; None if not linear or not measured"
    ]
    ablation: Annotated[str, 'how a check ablates it alone; "" if no check does']
    removes: Annotated[Estimate | None, "fraction of clean − corrupt that this ablation removes"]
    active: Annotated[tuple[Activation, ...], "its largest activations on the clean prompts, the largest first"]
    promotes: Annotated[tuple[Promotion, ...], "the strongest first; () if the engine does not know the weights"]
    suppresses: Annotated[tuple[Promotion, ...], "likewise"]


@dataclass(frozen=True)
class Circuit:
    """The nodes and paths behind a behaviour that are claimed or were found."""

    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    cards: Annotated[tuple[HeadCard, ...], "the cards of the heads with the largest effects"]
    omitted: Annotated[int, "the number of further nodes, which are left out because there are too many"]
    n: Annotated[
        int,
        "prompts on which edges were measured; 0 if clean − corrupt is not above zero there, so none was sought",
    ]
    neurons: Annotated[tuple[NeuronCard, ...], "the cards of the neurons among the nodes"] = ()


@dataclass(frozen=True)
class CurvePoint:
    """Faithfulness of a circuit of one size."""

    size: int
    faithfulness: Estimate


@dataclass(frozen=True)
class Curve:
    """Faithfulness over circuits of every size, with the areas CPR and CMD."""

    among: Annotated[str, '"heads" or "heads_and_mlps"']
    ablation: str
    nodes: Annotated[int, "the number of nodes of the whole model"]
    points: tuple[CurvePoint, ...]
    cpr: Estimate
    cmd: Estimate


@dataclass(frozen=True)
class Evidence:
    """What was measured for one behaviour on one model, apart from its check results."""

    behaviour: str
    model: str
    summary: str
    source: str
    declared: Annotated[str, '"present" or "absent"']
    yaml: Annotated[str, "the behaviour file as written"]
    yaml_path: str
    n: int
    logit_diff: Annotated[Estimate, "the mean score on the clean prompts"]
    effect: Effect
    examples: tuple[Example, ...]
    heatmaps: tuple[Heatmap, ...]
    mediators: Annotated[tuple[Mediator, ...], "the strongest of each sweep of heads"] = ()
    circuit: Annotated[Circuit | None, "None if no head was swept, claimed or found"] = None
    curves: Annotated[tuple[Curve, ...], "the curves of the checks that ran"] = ()
    score: Annotated[str, "how continuations are scored, as in the behaviour file"] = "first_token"
    effect_sizes: Annotated[
        tuple[float, ...], "clean − corrupt score, in prompt order: the denominator of most fractions"
    ] = ()
    omitted: Annotated[tuple[str, ...], "sentences that say what could not be measured for the report, and why"] = ()
    mediators_known: Annotated[
        bool, "whether the mediating heads could be measured; if not, a head that `mediators` lacks may mediate"
    ] = True
    marks: Annotated[tuple[str, ...], "pytest marks of the behaviour"] = ()


def merge_evidence(one: Evidence, other: Evidence) -> Evidence:
    """Return the evidence of two workers, which may have swept different nodes and measured different curves.

    The result does not depend on their order. The circuit is that of the worker that swept more, since the other one
    knows only the claimed nodes of what it did not sweep.
    """
    first, second = sorted((one, other), key=_least_first, reverse=True)
    titles = {heatmap.title for heatmap in first.heatmaps}
    swept = {mediator.at for mediator in first.mediators}
    made = {(curve.among, curve.ablation) for curve in first.curves}
    return replace(
        first,
        heatmaps=first.heatmaps + tuple(each for each in second.heatmaps if each.title not in titles),
        mediators=first.mediators + tuple(each for each in second.mediators if each.at not in swept),
        circuit=first.circuit or second.circuit,
        curves=first.curves + tuple(each for each in second.curves if (each.among, each.ablation) not in made),
        omitted=tuple(dict.fromkeys((*first.omitted, *second.omitted))),
        mediators_known=first.mediators_known and second.mediators_known,
    )


def _least_first(evidence: Evidence) -> tuple[int, int, list[str], list[tuple[str, str]]]:
    titles = [heatmap.title for heatmap in evidence.heatmaps]
    made = [(curve.among, curve.ablation) for curve in evidence.curves]
    return len(titles), len(made), titles, made
