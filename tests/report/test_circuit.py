"""The drawing of a circuit, its cards and the faithfulness curve, before and after they are drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from mi_checks.report.card_views import attention_view, node_card_views, opacity_step
from mi_checks.report.circuit_charts import LEFT, FaithfulnessChart, circuit_drawing, faithfulness_chart
from mi_checks.report.single_page import render
from mi_checks.results.run import Run
from tests.report.circuits import ATTENTION, CIRCUIT, CURVE, EXAMPLE, SOURCES, card, edge, neuron_card, node

VIEW = circuit_drawing(CIRCUIT, "Circuit", "b0m0g")
HOSTILE = "</script><img src=x onerror=alert(1)>"


def numbers_in(path: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?[\d.]+", path)]


def points(path: str) -> Iterator[tuple[float, float]]:
    found = numbers_in(path)
    yield from zip(found[::2], found[1::2], strict=True)


@pytest.fixture
def drawn(run: Run) -> Run:
    """A run with the circuit on its first model that has evidence."""
    first, *others = run.evidence
    return replace(run, evidence=(replace(first, circuit=CIRCUIT, curves=(CURVE,), examples=(EXAMPLE,)), *others))


def test_later_layers_stand_higher_and_an_mlp_above_its_heads() -> None:
    heights = {each.name: each.y for each in VIEW.nodes}
    assert heights["L0H1"] == heights["L0H2"] > heights["L0.mlp"] > heights["L1H4"] == heights["L1H5"] > heights["L1N7"]
    assert [label for _, label in VIEW.layers] == ["L0", "L0 MLP", "L1", "L1 MLP"]
    assert VIEW.prompt[1] > heights["L0H1"]
    assert VIEW.logits[1] < heights["L1N7"]


@pytest.mark.parametrize("many", [1, 10])
def test_everything_is_inside_the_drawing(many: int) -> None:
    crowd = tuple(node(f"L0H{head}", 0, 1.5, claimed=head > 3) for head in range(many))
    later = tuple(node(f"L{layer}H0", layer, -0.3) for layer in (1, 2, 3))
    ways = tuple(edge(f"L0H{head}", "logits") for head in range(many))
    ways += tuple(edge(f"L0H{head}", "L3H0", via) for head in range(many) for via in "qkv")
    view = circuit_drawing(replace(CIRCUIT, nodes=crowd + later, edges=ways), "Circuit", "g")
    for each in view.nodes:
        assert each.x - each.r >= LEFT
        assert each.x + each.r + 30 <= view.width  # and its name
        assert each.r <= each.y <= view.height - each.r
    for way in view.edges:
        assert all(0 <= x <= view.width and 0 <= y <= view.height for x, y in points(way.curve))
        assert 0 <= way.letter[0] <= view.width


@pytest.mark.parametrize("name", ["L0H3", "L0N3096"])
def test_a_name_ends_before_the_next_node_begins(name: str) -> None:
    """In letters of six pixels, with the largest of circles."""
    nodes = tuple(node(name[:-1] + str(i), 0, 1.0) for i in range(6))
    view = circuit_drawing(replace(CIRCUIT, nodes=nodes, edges=()), "", "g")
    for left, right in pairwise(view.nodes):
        assert left.x + left.r + 4 + 6 * len(name) <= right.x - right.r + 2


def test_nodes_and_paths_are_as_large_as_what_they_recover() -> None:
    radius = {each.name: each.r for each in VIEW.nodes}
    assert radius["L0.mlp"] > radius["L1H4"] > radius["L1H5"] > radius["L0H2"] > radius["L1N7"] > 0
    width = {(way.sender, way.receiver): way.width for way in VIEW.edges}
    assert width["L1H4", "logits"] > width["L0H2", "L1H5"] > width["L0H1", "logits"] > 0


def test_claimed_is_drawn_otherwise_than_found() -> None:
    assert {each.name: (each.state, each.words, each.shape) for each in VIEW.nodes} == {
        "L0H1": ("k", "claimed and mediating", "c"),
        "L0H2": ("c", "claimed, not mediating alone", "c"),
        "L0.mlp": ("p", "intermediate", "r"),
        "L1H4": ("k", "claimed and mediating", "c"),
        "L1H5": ("f", "mediating, not claimed", "c"),
        "L1N7": ("c", "claimed, not mediating alone", "d"),
    }
    assert [way.state for way in VIEW.edges] == ["f", "k", "c", "f", "c"]
    assert VIEW.edges[-1].effect == "not measured"


def test_a_node_is_traced_along_all_paths_through_it() -> None:
    numbers = {each.name: each.number for each in VIEW.nodes}
    mlp = numbers["L0.mlp"]
    assert {each.name for each in VIEW.nodes if mlp in each.traces} == {"L0H1", "L0.mlp", "L1H4"}
    ways = {(way.sender, way.receiver) for way in VIEW.edges if mlp in way.traces}
    assert ways == {("L0H1", "L0.mlp"), ("L0.mlp", "L1H4"), ("L1H4", "logits")}


def test_a_path_between_nodes_that_are_not_drawn_is_left_out() -> None:
    view = circuit_drawing(
        replace(CIRCUIT, edges=(edge("L9H9", "L1H4", "q"), edge("L0H1", "L9H9", "q"))), "Circuit", "g"
    )
    assert view.edges == ()


def test_every_node_has_a_card() -> None:
    cards = node_card_views(CIRCUIT, (EXAMPLE,))
    assert [(each.number, each.name) for each in cards] == [(each.number, each.name) for each in VIEW.nodes]
    facts = dict(cards[3].facts)
    assert facts == {
        "fraction recovered alone at A2": "0.97 [0.92, 1.02]",
        "direct logit attribution": "2.50 [2.00, 3.00] logits",
        "mean ablation removes": "0.40 [0.35, 0.45]",
        "inputs": "L0.mlp via k 0.50",
        "outputs": "logits 0.50",
    }
    assert dict(cards[5].facts) == {
        "fraction recovered alone": "not measured",
        "direct logit attribution": "2.50 [2.00, 3.00] logits",
        "zero ablation removes": "0.30 [0.25, 0.35]",
    }
    assert [each.name for each in cards if each.attention] == ["L0H1", "L1H4"]


def test_what_reads_and_is_read_most_comes_first_and_little_is_counted() -> None:
    ways = tuple(edge(f"L0H{head}", "L1H4", "k", 0.1 * head) for head in range(1, 7))
    more = (edge("L1H4", "logits", value=None), edge("L1H4", "L2H0", "q", 0.3), edge("L1H4", "L2H1", "v", 0.4))
    facts = dict(node_card_views(replace(CIRCUIT, edges=ways + more), (EXAMPLE,))[3].facts)
    assert facts["inputs"] == "L0H6 via k 0.60, L0H5 via k 0.50, L0H4 via k 0.40, L0H3 via k 0.30, 2 more"
    assert facts["outputs"] == "L2H1.v 0.40, L2H0.q 0.30, logits (not measured)"


def test_what_a_head_writes_stands_by_the_token_it_takes_it_from() -> None:
    view = attention_view(card("L1H4", ATTENTION, SOURCES), EXAMPLE)
    assert view is not None
    assert view.contributions == ("", "1.50", "−0.25")
    assert [(token.text, value) for token, value in view.strongest] == [("·a", "1.50"), ("·b", "−0.25")]
    assert view.total == "1.25"
    brief = attention_view(card("L1H4", ATTENTION, SOURCES), EXAMPLE, all_tokens=False)
    assert brief == replace(view, rows=(), sources=(), contributions=())
    none = attention_view(card("L1H4", ATTENTION, SOURCES[:2]), EXAMPLE)  # of other tokens
    assert none is not None
    assert (none.contributions, none.strongest, none.total) == ((), (), "")


def test_a_neurons_card_shows_where_it_is_active_and_what_it_promotes() -> None:
    view = node_card_views(CIRCUIT, (EXAMPLE,))[5].neuron
    assert view is not None
    first, second = view.active
    assert ([piece.text for piece in first.before], first.token.text, first.label, first.value) == (
        ["<|bos|>", "·a"], "·b", "B END", "1.25",
    )  # fmt: skip
    assert (second.before, second.value) == ((), "−0.50")
    assert [(token.text, value) for token, value in view.promotes] == [("·b", "0.75"), ("·e", "0.25")]
    assert [(token.text, value) for token, value in view.suppresses] == [("·f", "−0.50")]


def test_attention_stands_beside_its_tokens() -> None:
    view = attention_view(card("L1H4", ATTENTION), EXAMPLE)
    assert view is not None
    assert [(look.token.text, look.percent, look.opacity_step) for look in view.last_row] == [
        ("<|bos|>", 0, 0), ("·a", 95, 10), ("·b", 5, 1),
    ]  # fmt: skip
    assert [row.cells for row in view.rows] == [((100, 10),), ((30, 3), (70, 7)), ((0, 0), (95, 10), (5, 1))]
    assert attention_view(card("L1H4", ATTENTION), EXAMPLE, all_tokens=False) == replace(view, rows=(), sources=())
    assert attention_view(card("L1H4", ((1, 2),)), EXAMPLE) is None  # of other tokens


def test_whatever_is_looked_at_is_seen() -> None:
    assert [opacity_step(percent) for percent in (0, 1, 10, 11, 100, 101)] == [0, 1, 1, 2, 10, 10]


def test_the_page_has_a_card_and_a_row_for_every_node(drawn: Run) -> None:
    page = render(drawn)
    figure = re.search(r'<figure class="circuit".*?</figure>', page, re.DOTALL)
    assert figure is not None
    links = re.findall(r'<a class="n [^"]*" href="#([^"]+)"', figure[0])
    assert len(links) == len(set(links)) == len(CIRCUIT.nodes)
    assert all(f'<div class="card" id="{link}"' in figure[0] for link in links)
    table = figure[0][figure[0].rindex("<table>") :]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', table)
    assert len(rows) == len(CIRCUIT.nodes) + len(CIRCUIT.edges)
    assert ("L0.mlp → L1H4.k", "claimed and mediating", "0.50 [0.45, 0.55]") in rows
    first = drawn.evidence[0]
    title = f"<title>Circuit of {first.behaviour} on {first.model}</title>"
    assert f"{title}<desc>Nodes: 2 claimed and mediating" in figure[0]
    assert "2 more nodes are not drawn" in figure[0]
    assert (
        "(CPR) 0.90 [0.85, 0.95], circuit-model distance (CMD) 0.20 [0.15, 0.25]; mean ablation of all other nodes"
        in page
    )


def test_what_is_hostile_stays_text(drawn: Run) -> None:
    named = replace(CIRCUIT.nodes[0], node=HOSTILE, role=HOSTILE)
    ways = (edge(HOSTILE, "logits"),)
    cards, neurons = (card(HOSTILE, ATTENTION, SOURCES),), (neuron_card("L1N7", HOSTILE, HOSTILE),)
    circuit = replace(CIRCUIT, nodes=(named, *CIRCUIT.nodes[1:]), edges=ways, cards=cards, neurons=neurons)
    tokens = tuple(replace(token, text=HOSTILE) for token in EXAMPLE.clean)
    first = replace(drawn.evidence[0], circuit=circuit, examples=(replace(EXAMPLE, clean=tokens),))
    page = render(replace(drawn, evidence=(first, *drawn.evidence[1:])))
    assert "<img" not in page
    assert page.count("top activations") == page.count("attribution on this prompt 1.25 logits") == 1
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; → logits" in page


def test_a_run_without_circuits_has_no_drawing(run: Run) -> None:
    assert '<div class="drawings">' not in render(run)


def test_the_curve_is_inside_its_axes() -> None:
    view = faithfulness_chart(CURVE)
    assert len(view.dots) == len(view.rows) == 4
    for x, y in (*points(view.line), *points(view.band.rstrip("z"))):
        assert 0 <= x <= FaithfulnessChart.WIDTH
        assert 0 <= y <= FaithfulnessChart.HEIGHT
    assert view.dots[2][1] < view.one < view.dots[1][1]
    assert view.rows[1] == (1, "0.40 [0.35, 0.45]")
