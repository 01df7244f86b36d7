"""Groups of nodes and edges: how they are written, and what they stand for."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mi_checks.spec.edges import EdgeName, parse_edge
from mi_checks.spec.node_names import (
    ModelShape,
    NodeGroup,
    expand_nodes,
    leaf_names,
    names_inside,
    parse_group,
    parse_node,
)

SHAPE = ModelShape(n_layers=2, n_heads=3, d_mlp=2)
nodes = st.builds("L{}H{}".format, st.integers(0, 3), st.integers(0, 5))
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True) | nodes
plain_groups = st.builds(
    NodeGroup,
    component=st.sampled_from(["head", "mlp", "neuron"]),
    layer=st.none() | st.integers(0, 10**9 - 1),
    exceptions=st.just(()),
)
groups = st.builds(
    lambda group, excepted: NodeGroup(group.component, group.layer, tuple(excepted)),
    plain_groups,
    st.lists(names | plain_groups.map(str), max_size=3),
)
edges = st.builds(
    EdgeName,
    sender=names | groups.map(str),
    receiver=names | groups.map(str) | st.just("logits"),
    via=st.sampled_from([None, "q", "k", "v"]),
)


@given(groups)
def test_a_group_is_read_as_it_is_shown(group: NodeGroup) -> None:
    assert parse_group(str(group)) == group
    assert parse_group(str(group).replace(" ", "  ").replace(", ", " and ")) == group


@given(edges)
def test_an_edge_is_read_as_it_is_shown(edge: EdgeName) -> None:
    assert parse_edge(str(edge)) == edge
    assert parse_edge(str(edge).replace(" -> ", "->")) == edge


@given(st.text(st.sampled_from(list("allheds 0LHN1.kq->,except")), max_size=40) | st.text(max_size=20))
@example("all heads except ")
@example("all heads except a, ")
@example("all heads except  and b")
@example(" -> L1H0.k")
@example("a -> .k")
@example("a ->")
@example("->")
def test_any_text_is_read_or_refused(text: str) -> None:
    group, edge = parse_group(text), parse_edge(text)
    assert group is None or (parse_group(str(group)) == group and all(group.exceptions))
    assert edge is None or (parse_edge(str(edge)) == edge and edge.sender and edge.receiver)
    assert parse_node(text) is None or (group is None and edge is None)


@given(groups)
def test_a_group_has_all_nodes_but_those_it_excepts(group: NodeGroup) -> None:
    everything = NodeGroup(group.component, group.layer, ())
    all_nodes = expand_nodes(str(everything), {}, SHAPE)
    out = set(expand_nodes(group.exceptions, {}, SHAPE))
    assert expand_nodes(str(group), {}, SHAPE) == tuple(node for node in all_nodes if node not in out)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("all heads", "L0H0 L0H1 L0H2 L1H0 L1H1 L1H2"),
        ("layer 1 heads", "L1H0 L1H1 L1H2"),
        ("all mlps", "L0.mlp L1.mlp"),
        ("layer 0 neurons", "L0N0 L0N1"),
        ("all heads except induction, L0H0 and L0H1", "L0H2 L1H0"),
        ("all heads except layer 0 heads", "L1H0 L1H1 L1H2"),
        ("layer 2 heads", ""),
        ("all neurons except all neurons", ""),
        (("induction", "L0H0"), "L1H1 L1H2 L0H0"),
        (("L0H0", "layer 0 heads"), "L0H0 L0H0 L0H1 L0H2"),
    ],
)
def test_what_an_expression_stands_for(expression: str | tuple[str, ...], expected: str) -> None:
    assert expand_nodes(expression, {"induction": ("L1H1", "L1H2")}, SHAPE) == tuple(expected.split())


def test_a_model_without_mlps_has_no_neurons() -> None:
    assert expand_nodes(("all neurons", "all mlps"), {}, ModelShape(2, 3, None)) == ()


def test_what_a_group_mentions() -> None:
    name = "all heads except layer 0 heads and induction"
    assert list(names_inside(name)) == [name, "layer 0 heads", "induction"]
    assert leaf_names(name) == ("induction",)
    assert leaf_names("L0H0") == ("L0H0",)
