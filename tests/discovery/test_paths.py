"""Which paths are looked at, and which are found."""

from mi_checks.discovery.paths import paths
from mi_checks.engine.nodes import parse_node
from mi_checks.spec.model_shape import ModelShape

NODES = [parse_node(name) for name in ("L0H1", "L1H0", "L0N2")]
LAYERS = [parse_node(name) for name in ("L0.mlp", "L1.mlp")]


def swept(stubbed, recovered, shape=None, mlps=(), nodes=NODES, **given):
    def removed(path):
        return recovered.get(f"{path.nodes[0]} -> {path.into[0]}", 0.0)

    return paths(stubbed(removed, shape or ModelShape(2, 3, 4)), nodes, mlps, 0.1, **given)


def test_every_later_input_of_found_nodes_is_an_end(stubbed):
    edges = [str(edge) for edge in swept(stubbed, {}).edges]
    assert edges == [
        *("L0H1 -> L1H0.q", "L0H1 -> L1H0.k", "L0H1 -> L1H0.v", "L0H1 -> L0.mlp", "L0H1 -> logits"),
        *("L0N2 -> L1H0.q", "L0N2 -> L1H0.k", "L0N2 -> L1H0.v", "L0N2 -> logits", "L1H0 -> logits"),
    ]


def test_mlp_layers_send_and_receive(stubbed):
    edges = [str(edge) for edge in swept(stubbed, {}, mlps=LAYERS[1:]).edges]
    assert "L1H0 -> L1.mlp" in edges
    assert "L1.mlp -> logits" in edges
    assert not [edge for edge in edges if edge.startswith("L0.mlp")]


def test_found_are_those_surely_above_strongest_first(stubbed):
    found = swept(stubbed, {"L0H1 -> L1H0.k": 0.4, "L1H0 -> logits": 0.7, "L0N2 -> logits": 0.1})
    assert [str(edge) for edge in found.found] == ["L1H0 -> logits", "L0H1 -> L1H0.k"]
    assert [str(edge) for edge in found.unsure] == ["L0N2 -> logits"]
    assert 0.35 < found.share(found.found[1]).value < 0.45


def test_a_key_that_heads_share_is_that_of_their_group(stubbed):
    nodes = [parse_node(name) for name in ("L0H1", "L1H3")]
    found = swept(stubbed, {"L0H1 -> L1H1.k": 0.4}, ModelShape(2, 4, None, 2), nodes=nodes)
    (edge,) = found.found
    assert (str(edge), [*map(str, edge.into)]) == ("L0H1 -> L1H3.k", ["L1H1.k"])


def test_parallel_layers_have_no_path_from_a_head_to_their_own_mlp(stubbed):
    beside = {str(edge) for edge in swept(stubbed, {}, mlps=LAYERS).edges}
    parallel = {str(edge) for edge in swept(stubbed, {}, mlps=LAYERS, parallel=True).edges}
    assert beside - parallel == {"L0H1 -> L0.mlp", "L1H0 -> L1.mlp"}


def test_nothing_found_has_no_paths(stubbed):
    assert swept(stubbed, {}, nodes=[]).edges == ()
