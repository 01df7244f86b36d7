"""Which nodes can read which, and circuits that leave nothing out."""

from __future__ import annotations

from itertools import product

import pytest

from mi_checks.engine.interventions import all_edges, reaches
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.spec.edges import EdgeName, PathStop, impossible_step, unreachable_reason
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.nodes_on_model import overlap_problem, whole_graph_problem, whole_model_problem

SHAPE = ModelShape(n_layers=3, n_heads=2, d_mlp=2)
ATTENTION_ONLY = ModelShape(n_layers=3, n_heads=2, d_mlp=None)
LAYERS = [Node(layer, kind) for layer in range(3) for kind in ("attn", "mlp")]
WRITERS = [*all_nodes("head", SHAPE), *all_nodes("neuron", SHAPE), *LAYERS]
READERS = [*all_nodes("head", SHAPE), *(node for node in LAYERS if node.kind == "mlp"), LOGITS]


def test_the_file_and_the_engine_know_the_same_order() -> None:
    for sender, receiver in product(WRITERS, READERS):
        via = "k" if receiver.kind == "head" else None
        read = Node(receiver.layer, "k", receiver.index) if receiver.kind == "head" else receiver
        assert (unreachable_reason(str(sender), str(receiver), via) is None) == reaches(sender, read), (
            sender,
            receiver,
        )


def test_a_path_is_walked_from_stop_to_stop() -> None:
    way = (PathStop(("L0H0", "L0N3")), PathStop(("L1H0", "L1H1"), "v"), PathStop(("L1.mlp",)), PathStop(("logits",)))
    assert impossible_step(way) is None
    wrong = impossible_step((*way[:2], PathStop(("L1.mlp", "L1H1"), "q"), *way[3:]))
    assert wrong is not None
    assert wrong[:3] == (2, "L1H0", "L1H1")
    assert wrong.message == "'L1H0' does not come before 'L1H1.q', which reads only what earlier layers write"


def test_a_part_beside_the_whole_counts_twice() -> None:
    assert overlap_problem(["L0H0", "L1.attn", "L0.mlp", "L1N3"]) is None
    assert overlap_problem(["L0N3", "L0.mlp"]) == "'L0N3' is part of 'L0.mlp', so it would be counted twice"


@pytest.mark.parametrize("mlps", [False, True])
@pytest.mark.parametrize("shape", [SHAPE, ATTENTION_ONLY])
def test_all_edges_and_all_nodes_are_no_circuit(shape: ModelShape, mlps: bool) -> None:
    among = "heads_and_mlps" if mlps else "heads"
    edges = [
        EdgeName(str(sender), str(reader).split(".")[0], reader.kind)
        if reader.kind in ("q", "k", "v")
        else EdgeName(str(sender), str(reader), None)
        for sender, reader in all_edges(shape, mlps=mlps)
    ]
    senders = list(dict.fromkeys(edge.sender for edge in edges))
    every = "all 6 heads and 3 MLP layers" if mlps and shape.d_mlp else "all 6 heads"
    null = "so nothing would be ablated; leave out at least one"
    assert whole_graph_problem(edges, among, shape) == f"the circuit contains all edges between {every}, {null}"
    assert whole_graph_problem(edges[1:], among, shape) is None
    assert whole_model_problem(senders, among, shape) == f"the circuit contains {every}, {null}"
    assert whole_model_problem(senders[1:], among, shape) is None
