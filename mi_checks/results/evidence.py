"""What was measured of one behaviour on one model, whatever checks read it: what a report draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from mi_checks.stats.estimate import Estimate, Outcome

HEAD_SWEEP = "the sweep of all heads"  # as omissions name it
MEDIATES = 0.1  # of clean − corrupt; a head whose interval lies above it mediates
Ability = Literal["can", "cannot", "in part", "cannot tell"]
Rank = Literal["median", "best", "worst", ""]  # of a prompt pair by its effect size; "": not known


@dataclass(frozen=True)
class Architecture:
    """What models are put side by side by."""

    kind: Annotated[str, '"attention-only", or what its MLPs are: "gelu", "solu"']
    n_layers: int
    n_heads: int


@dataclass(frozen=True)
class Preference:
    """What one check of the preference measured, and the bound that this model is held to."""

    check: Annotated[str, "its id"]
    estimate: Estimate
    at_least: float | None
    at_most: float | None


@dataclass(frozen=True)
class Effect:
    """The effect of a behaviour on a model, and the verdicts of the checks of its preference.

    Models are compared only on equal prompts: of equal `prompts_sha256`, which also tells tokenizers apart.
    """

    behaviour: str
    model: str
    architecture: Architecture
    checkpoint: Annotated[str, 'of training, as provenance has it; "" at its end']
    declared: Literal["present", "absent", "not named"]
    against: Annotated[Literal["foils", "corrupt"], '"corrupt": what it is on the corrupt prompts is taken off']
    estimate: Annotated[Estimate, "mean score: the logit difference, or what the behaviour scores instead"]
    per_prompt: Annotated[tuple[float, ...], "the values behind it, in prompt order"]
    prompts_sha256: str
    preferences: tuple[Preference, ...]
    ability: Annotated[Ability, '"can": every check of the preference passes; "cannot": every one surely fails']
    outcome: Annotated[Outcome, "whether that is what was declared"]


@dataclass(frozen=True)
class TokenView:
    """One token of an example prompt, for showing."""

    text: str
    label: Annotated[str, '"" where there is none']
    differs: Annotated[bool, "clean and corrupt have different tokens here"]


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
    prompt: Annotated[int, "its place among the prompt pairs, from 0"] = 0
    rank: Annotated[Rank, "where it stands among them by effect size, clean − corrupt"] = ""


@dataclass(frozen=True)
class Heatmap:
    """Recovered share per node, from denoising each alone: rows are layers, columns heads, listed nodes or labels."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Annotated[tuple[tuple[float | None, ...], ...], "None: not measured"]
    component: Annotated[str, 'what was denoised: "head", "q", "neuron", or "resid_pre" of the map of labels'] = ""
    at: Annotated[str, 'the label at which; "" for all positions, or for the map of labels'] = ""


@dataclass(frozen=True)
class Mediator:
    """A node that is among those that recover most when denoised alone."""

    node: str
    at: Annotated[str, 'the label patched at; "" for all positions']
    estimate: Annotated[Estimate, "fraction of clean − corrupt"]


@dataclass(frozen=True)
class CircuitNode:
    """A node of the circuit behind a behaviour: one that is claimed to be in it, or found to mediate, or both."""

    node: str
    kind: Annotated[str, '"head", "neuron", "mlp" or "attn"']
    layer: int
    role: Annotated[
        str, 'the role or node set by which it is claimed; "" where it is claimed by its own name, or not at all'
    ]
    claimed: bool
    found: Annotated[bool, "the interval of what it recovers alone lies above `MEDIATES`"]
    at: Annotated[str, 'the label at which it was denoised; "" for all positions']
    effect: Annotated[
        Estimate | None,
        "fraction of clean − corrupt recovered by denoising it alone; None if clean − corrupt is not above zero",
    ]


@dataclass(frozen=True)
class CircuitEdge:
    """A path of one hop: what one node writes, as one input of another reads it."""

    sender: str
    receiver: Annotated[str, 'a head, an MLP layer such as "L0.mlp", or "logits"']
    via: Annotated[str, 'the input of a receiving head: "q", "k" or "v"; "" elsewhere']
    claimed: bool
    found: Annotated[bool, "the interval lies above `MEDIATES`"]
    effect: Annotated[
        Estimate | None,
        "fraction of clean − corrupt recovered by path patching it alone; None if clean − corrupt is not above zero",
    ]


@dataclass(frozen=True)
class HeadCard:
    """What one head of a circuit does."""

    head: str
    direct: Annotated[
        Estimate | None, "written directly into the clean logit difference; None: not linear, or not measured"
    ]
    ablation: Annotated[str, 'how a check ablates it alone: "zero", "mean" or "resample"; "" where none does']
    removes: Annotated[Estimate | None, "fraction of clean − corrupt that this ablation takes away"]
    attention: Annotated[
        tuple[tuple[int, ...], ...], "percent, on the first example's clean prompt: destination, source up to it"
    ]
    sources: Annotated[
        tuple[float, ...], "what it writes directly there, by the token it takes it from; () as `direct`"
    ] = ()


@dataclass(frozen=True)
class Activation:
    """A token at which a neuron is active."""

    before: Annotated[tuple[str, ...], "tokens on the left of it, as far as they are shown"]
    token: str
    label: Annotated[str, 'what the token is labelled; "" where nothing']
    value: float


@dataclass(frozen=True)
class Promotion:
    """A token whose logit a neuron's output weights raise or lower."""

    token: str
    logit: Annotated[
        float, "per unit of activation, before the final norm's scale and less the mean over the vocabulary"
    ]


@dataclass(frozen=True)
class NeuronCard:
    """What one neuron of a circuit does."""

    neuron: str
    direct: Annotated[
        Estimate | None, "written directly into the clean logit difference; None: not linear, or not measured"
    ]
    ablation: Annotated[str, 'how a check ablates it alone; "" where none does']
    removes: Annotated[Estimate | None, "fraction of clean − corrupt that this ablation takes away"]
    active: Annotated[tuple[Activation, ...], "where it is most, on clean prompts, the largest first"]
    promotes: Annotated[tuple[Promotion, ...], "the most first; () where the engine does not know the weights"]
    suppresses: Annotated[tuple[Promotion, ...], "likewise"]


@dataclass(frozen=True)
class Circuit:
    """The circuit behind a behaviour as far as it was measured, claimed and found."""

    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    cards: Annotated[tuple[HeadCard, ...], "of the heads with the largest effects"]
    omitted: Annotated[int, "nodes, claimed or found, that are not among these as there are too many"]
    n: Annotated[
        int,
        "prompts on which edges were measured; 0 if clean − corrupt is not above zero there, so none was sought",
    ]
    neurons: Annotated[tuple[NeuronCard, ...], "of the neurons among the nodes"] = ()


@dataclass(frozen=True)
class CurvePoint:
    """Faithfulness of a circuit of one size."""

    size: int
    faithfulness: Estimate


@dataclass(frozen=True)
class Curve:
    """Faithfulness over circuits of every size, and the areas under and beside it."""

    among: Annotated[str, '"heads" or "heads_and_mlps"']
    ablation: str
    nodes: Annotated[int, "in the largest circuit, the whole"]
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
    declared: Annotated[str, '"present" or "absent"']
    yaml: Annotated[str, "the behaviour file as written"]
    yaml_path: str
    n: int
    logit_diff: Annotated[Estimate, "on the clean prompts"]
    effect: Effect
    examples: tuple[Example, ...]
    heatmaps: tuple[Heatmap, ...]
    mediators: Annotated[tuple[Mediator, ...], "the strongest of each sweep of heads"] = ()
    circuit: Annotated[Circuit | None, "None where no head was swept, or none claimed or found"] = None
    curves: Annotated[tuple[Curve, ...], "of the checks that ran"] = ()
    score: Annotated[str, "how continuations are scored, as the behaviour file has it"] = "first_token"
    effect_sizes: Annotated[
        tuple[float, ...], "clean − corrupt score, in prompt order: the denominator of most fractions"
    ] = ()
    omitted: Annotated[tuple[str, ...], "sentences on what could not be measured for the report, and why"] = ()
    mediators_known: Annotated[
        bool, "whether the mediating heads could be measured; if not, `mediators` says nothing of heads it lacks"
    ] = True


def merge_evidence(one: Evidence, other: Evidence) -> Evidence:
    """Evidence of both, each of whom may have swept other nodes and measured other curves.

    The circuit is of whom swept more: of what was not swept only claimed nodes are known.
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
