"""A circuit as it would be recorded: one node of each kind and state, and paths between."""

from mi_checks.results.evidence import (
    Activation,
    Circuit,
    CircuitEdge,
    CircuitNode,
    Curve,
    CurvePoint,
    Example,
    HeadCard,
    Heatmap,
    NeuronCard,
    Promotion,
    TokenView,
)
from mi_checks.stats.estimate import Estimate


def share(value, n=16):
    return Estimate(
        value, value - 0.05, value + 0.05, n, "fraction of clean − corrupt", "bootstrap of the ratio of means"
    )


def node(name, layer, value, *, kind="head", role="", claimed=True, found=True, at=""):
    return CircuitNode(name, kind, layer, role, claimed, found, at, None if value is None else share(value, 64))


def edge(sender, receiver, via="", value=0.5, *, claimed=False, found=True):
    return CircuitEdge(sender, receiver, via, claimed, found, None if value is None else share(value))


DIRECT = Estimate(2.5, 2.0, 3.0, 16, "logits", "bootstrap of the mean")


def card(head, attention, sources=()):
    return HeadCard(head, DIRECT, "mean", share(0.4, 64), attention, sources)


def neuron_card(neuron, text=" b", label="B END"):
    return NeuronCard(
        neuron, DIRECT, "zero", share(0.3, 64),
        active=(Activation(("<|bos|>", " a"), text, label, 1.25), Activation((), text, "", -0.5)),
        promotes=(Promotion(text, 0.75), Promotion(" e", 0.25)),
        suppresses=(Promotion(" f", -0.5),),
    )  # fmt: skip


ATTENTION = ((100,), (30, 70), (0, 95, 5))
SOURCES = (0.0012, 1.5, -0.25)
EXAMPLE = Example(
    clean=tuple(TokenView(text, "", False) for text in ("<|bos|>", " a", " b")),
    corrupt=tuple(TokenView(text, "", False) for text in ("<|bos|>", " c", " b")),
    answers=(" d",), foils=(" e",), clean_logit_diff=1.0, corrupt_logit_diff=-1.0, clean_top=(), corrupt_top=(),
)  # fmt: skip
CIRCUIT = Circuit(
    nodes=(
        node("L0H1", 0, 0.9, role="previous_token"),
        node("L0H2", 0, 0.03, found=False),
        node("L0.mlp", 0, 1.0, kind="mlp", claimed=False, found=False),
        node("L1H4", 1, 0.97, role="induction", at="A2"),
        node("L1H5", 1, 0.2, claimed=False),
        node("L1N7", 1, None, kind="neuron", found=False),
    ),
    edges=(
        edge("L0H1", "L0.mlp"),
        edge("L0.mlp", "L1H4", "k", claimed=True),
        edge("L0H2", "L1H5", "v", 0.02, claimed=True, found=False),
        edge("L1H4", "logits"),
        edge("L0H1", "logits", value=None, claimed=True, found=False),
    ),
    cards=(card("L1H4", ATTENTION, SOURCES), card("L0H1", ATTENTION[-1:])),
    neurons=(neuron_card("L1N7"),),
    omitted=2,
    n=16,
)
MAP = Heatmap(
    "fraction recovered by the residual stream before each layer, at each label, on 16 prompts",
    ("L0", "L1"),
    ("A1", "H1", "A2 END"),
    ((0.42, 0.0, 0.01), (0.02, 0.51, None)),
)
CURVE = Curve(
    among="heads",
    ablation="mean",
    nodes=12,
    points=tuple(CurvePoint(size, share(value)) for size, value in ((0, 0.0), (1, 0.4), (2, 1.2), (12, 1.0))),
    cpr=share(0.9),
    cmd=share(0.2),
)
