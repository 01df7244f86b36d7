"""Which paths are looked at, and which are found."""

import pytest

from mi_checks.engine.nodes import parse_node
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.discovery.path_effects import measure_paths

NODES = [parse_node(name) for name in ("L0H1", "L1H0", "L0N2")]
LAYERS = [parse_node(name) for name in ("L0.mlp", "L1.mlp")]


def swept(stubbed, recovered, shape=None, mlps=(), nodes=NODES, noised=None, **given):
    """Paths where denoising recovers, and noising removes, so much; the latter the same unless it is given."""

    def removed(path):
        effects = noised if noised is not None and path.run == "clean" else recovered
        return effects.get(f"{path.nodes[0]} -> {path.into[0]}", 0.0)

    return measure_paths(stubbed(removed, shape or ModelShape(2, 3, 4)), nodes, mlps, 0.1, **given)


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


def test_found_are_those_significantly_above_strongest_first(stubbed):
    found = swept(stubbed, {"L0H1 -> L1H0.k": 0.4, "L1H0 -> logits": 0.7, "L0N2 -> logits": 0.1})
    assert [str(edge) for edge in found.transmitting] == ["L1H0 -> logits", "L0H1 -> L1H0.k"]
    assert [str(edge) for edge in found.inconclusive] == ["L0N2 -> logits"]
    assert 0.35 < found.recovered(found.transmitting[1]).value < 0.45
    assert found.n_tests == 4 * len(found.edges)


def test_case_22_a_path_that_only_noising_shows_is_found(stubbed):
    found = swept(stubbed, {"L1H0 -> logits": 0.7}, noised={"L1H0 -> logits": 0.7, "L0H1 -> L1H0.k": 0.9})
    assert [str(edge) for edge in found.transmitting] == ["L0H1 -> L1H0.k", "L1H0 -> logits"]
    assert [str(edge) for edge in found.sufficient] == ["L1H0 -> logits"]


@pytest.mark.parametrize("noised", [None, {}])
def test_case_21_a_path_that_works_against_it_is_found_as_that(stubbed, noised):
    found = swept(stubbed, {"L1H0 -> logits": -0.7, "L0H1 -> L1H0.v": -0.1}, noised=noised)
    assert [str(edge) for edge in found.opposing] == ["L1H0 -> logits"]
    assert found.transmitting == ()
    assert [str(edge) for edge in found.sufficient] == ["L1H0 -> logits"]


def test_where_there_is_no_time_for_all_those_between_the_strongest_are_patched(stubbed):
    strength = {"L0H1": 0.9, "L1H0": 0.8, "L0N2": 0.2}
    effects = {"L0H1 -> L1H0.k": 0.4}
    given = {"most": lambda interventions: 8, "strength": lambda node: strength.get(str(node), 0.0)}
    found = swept(stubbed, effects, **given)
    assert [str(edge) for edge in found.edges] == [
        *("L0H1 -> L1H0.q", "L0H1 -> L1H0.k", "L0H1 -> L1H0.v", "L0H1 -> logits"),
    ]
    assert found.n_unpatched == 6
    assert found.n_tests == 4 * 10  # all paths are corrected for: these were chosen by what their ends do
    assert [str(edge) for edge in found.transmitting] == ["L0H1 -> L1H0.k"]


def test_a_key_that_heads_share_is_that_of_their_group(stubbed):
    nodes = [parse_node(name) for name in ("L0H1", "L1H3")]
    found = swept(stubbed, {"L0H1 -> L1H1.k": 0.4}, ModelShape(2, 4, None, 2), nodes=nodes)
    (edge,) = found.transmitting
    assert (str(edge), [*map(str, edge.into)]) == ("L0H1 -> L1H3.k", ["L1H1.k"])


def test_parallel_layers_have_no_path_from_a_head_to_their_own_mlp(stubbed):
    beside = {str(edge) for edge in swept(stubbed, {}, mlps=LAYERS).edges}
    parallel = {str(edge) for edge in swept(stubbed, {}, mlps=LAYERS, parallel=True).edges}
    assert beside - parallel == {"L0H1 -> L0.mlp", "L1H0 -> L1.mlp"}


def test_nothing_found_has_no_paths(stubbed):
    assert swept(stubbed, {}, nodes=[]).edges == ()
