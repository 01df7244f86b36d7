"""A circuit as it would be recorded: one node of each kind and state, and paths between."""

from mi_checks.record import (
    Circuit,
    CircuitEdge,
    CircuitNode,
    Curve,
    CurvePoint,
    Estimate,
    Example,
    HeadCard,
    TokenView,
)


def share(value, n=16):
    return Estimate(value, value - 0.05, value + 0.05, n, "share of clean − corrupt", "bootstrap of the ratio of means")


def node(name, layer, value, *, kind="head", role="", claimed=True, found=True, at=""):
    return CircuitNode(name, kind, layer, role, claimed, found, at, None if value is None else share(value, 64))


def edge(sender, receiver, via="", value=0.5, *, claimed=False, found=True):
    return CircuitEdge(sender, receiver, via, claimed, found, None if value is None else share(value))


def card(head, attention):
    direct = Estimate(2.5, 2.0, 3.0, 16, "logits", "bootstrap of the mean")
    return HeadCard(head, direct, "mean", share(0.4, 64), attention)


ATTENTION = ((100,), (30, 70), (0, 95, 5))
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
    cards=(card("L1H4", ATTENTION), card("L0H1", ATTENTION[-1:])),
    omitted=2,
    n=16,
)
CURVE = Curve(
    among="heads",
    ablation="mean",
    nodes=12,
    points=tuple(CurvePoint(size, share(value)) for size, value in ((0, 0.0), (1, 0.4), (2, 1.2), (12, 1.0))),
    cpr=share(0.9),
    cmd=share(0.2),
)
