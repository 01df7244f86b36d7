"""Which mutants are made of which claim, in words, on nano models; a few are given by what they must not be."""

import pytest

from mi_checks.engine.nodes import parse_node
from mi_checks.mutants.choose_mutations import mutations_of
from mi_checks.mutants.exchange_partners import exchange_by_layer, exchange_together, heads_among
from mi_checks.spec.load_file import load_behaviour
from mi_checks.spec.node_names import ModelShape
from tests.plugin.conftest import BEHAVIOUR

NANO = "nano-attn-2l"
MOVED = "L1H2 changed places with L1H#"
TURNED, SILENCED = "all logits are negated", "no head writes anything"
SHAPE = ModelShape(2, 4, 8)
SHARED = ModelShape(2, 4, 8, 2)  # heads 0 and 1 share a key, and 2 and 3


@pytest.fixture
def chosen(suite, tmp_path):
    """The words of a check's mutants: `chosen("patching: {nodes: L1H2, recovers: {at_least: 0.1}}")`."""

    def chosen(check, model=NANO, **changed):
        text = BEHAVIOUR.format(name="ab", mark="m", checks=f"  - {check}", models=f"  {model}: {{}}")
        for old, new in changed.items():
            text = text.replace(old, new)
        path = tmp_path / "ab.yaml"
        path.write_text(text, encoding="utf-8")
        loaded = load_behaviour(path)
        measured = suite.measurements(loaded, model)
        found = [
            mutation for part in loaded.behaviour.checks[0].check.parts for mutation in mutations_of(part, measured)
        ]
        suite.close(loaded, model)
        return [mutation.description for mutation in found]

    return chosen


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("logit_diff: {at_least: 1}", [TURNED]),
        ("logit_diff: {at_least: 1, against: corrupt}", [TURNED, SILENCED]),
        ("accuracy: {at_least: 0.5, against: vocabulary}", [TURNED]),
        ("accuracy: {at_least: 0.5, against: corrupt}", [TURNED, SILENCED]),
        ("patching: {nodes: L1H2, recovers: {at_least: 0.3}}", ["L1H2 writes nothing", MOVED]),
        ("patching: {nodes: L1H2.v, removes: {at_least: 0.3}}", ["L1H2.v writes nothing", MOVED]),
        ("ablation: {nodes: [L1H1, L0H3], removes: {at_least: 0.3}}",
         ["L0H3, L1H1 write nothing", "L0H3, L1H1 changed places with L0H#, L1H#"]),
        ("mediators: {component: head, above: 0.1, exactly: [L1H1, L0H3]}",
         ["L0H3 writes nothing", "L1H1 writes nothing",
          "L0H3 changed places with L0H#", "L1H1 changed places with L1H#"]),
        ("attention: {nodes: [L1H1, L1H2], from: A2, to: B1, at_least: 0.2}",
         ["L1H1 attends uniformly", "L1H2 attends uniformly",
          "L1H1, L1H2 changed places with L1H#, L1H#"]),
        ("direct_logit_attribution: {nodes: L1H2, at_least: 0.3}",
         ["L1H2 writes nothing", "L1H2 changed places with L1H#"]),
        ("path: {from: L0H3, to: L1H2, via: k, recovers: {at_least: 0.1}}",
         ["L0H3 writes nothing", "L0H3 changed places with L0H#", "L1H2.k cannot see what L0H3 writes"]),
        ("path: {from: L0H3, through: [{nodes: L1H2, via: k}], to: logits, recovers: {at_least: 0.1}}",
         ["L0H3 writes nothing", "L0H3 changed places with L0H#", "L1H2.k cannot see what L0H3 writes",
          "logits cannot see what L1H2 writes"]),
        ("composes: {from: L0H3, to: L1H2, via: k, times_random: {at_least: 1}}",
         ["L0H3 changed places with L0H#", MOVED]),
        ("composes: {from: L0H3, to: L1H2, via: k, at: B1, writes: {at_least: 0.2}}",
         ["L0H3 changed places with L0H#", MOVED, "L1H2.k cannot see what L0H3 writes"]),
        ("circuit: {nodes: [L0H3, L1H2], faithfulness: {at_least: 0.3}}",
         ["L0H3, L1H2 write nothing", "L0H3, L1H2 changed places with L0H#, L1H#"]),
        ("circuit: {edges: ['L0H3 -> L1H2.k', 'L1H2 -> logits'], faithfulness: {at_least: 0.3}}",
         ["L0H3, L1H2 write nothing", "L0H3, L1H2 changed places with L0H#, L1H#"]),
        ("circuit: {nodes: [L0H3, L1H2], completeness: {at_most: 0.3}}",
         ["L0H3, L1H2 write nothing", "L0H3, L1H2 changed places with L0H#, L1H#"]),
        ("curve: {cpr: {at_least: 0.3}}", [TURNED]),
        ("curve: {cmd: {at_most: 0.3}}", [TURNED]),
        ("patching: {nodes: L1.attn, recovers: {at_least: 0.3}}", ["L1.attn writes nothing"]),
    ],
)  # fmt: skip
def test_of_each_kind_of_claim(chosen, check, words):
    found = chosen(check)
    assert [_unnumbered(line) for line in found] == words
    named = {word for line in found for word in line.partition(" with ")[2].replace(",", "").split()}
    assert not named & {"L0H3", "L1H1", "L1H2"}  # nobody changes places with what is claimed


def _unnumbered(words):
    own, changed, others = words.partition(" with ")
    return own + changed + ", ".join(f"{name[:3]}#" for name in others.split(", ") if name)


@pytest.mark.parametrize("neurons", ["L0N3", "[L0N3, L0N9]"])
def test_of_neurons_the_output_is_turned(chosen, neurons):
    found = chosen(f"patching: {{nodes: {neurons}, recovers: {{at_least: 0.1}}}}", "nano-gelu-1l")
    names = neurons.strip("[]")
    verb = "write" if "," in names else "writes"
    assert found == [f"{names} {verb} nothing", f"{names} {verb} the opposite"]


def test_where_no_other_head_is_left_the_output_is_turned(chosen):
    found = chosen("patching: {nodes: [L1H0, L1H1, L1H2, L1H3], recovers: {at_least: 0.1}}")
    assert found == [f"L1H0, L1H1, L1H2, L1H3 write {what}" for what in ("nothing", "the opposite")]


def test_prompts_that_differ_at_the_end_are_told_apart_without_heads(chosen):
    other_end = {"{same_as: A}": "{tokens: random, differs_from: [pre, A, B, C, D]}", "{A: D, D: A}": "{query: A}"}
    assert chosen("logit_diff: {at_least: -9, against: corrupt}", **other_end) == [TURNED]


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("logit_diff: {at_most: 90}", []),  # still at most 90 with the logits turned
        ("logit_diff: {at_most: -90}", [TURNED]),
        ("accuracy: {at_most: 0.999}", []),
        ("logit_diff: {at_most: 90, against: corrupt}", []),
        ("patching: {nodes: L1H2, recovers: {at_most: 90}}", [MOVED]),
        ("ablation: {nodes: L1.attn, removes: {at_most: 90}}", []),
        (
            "circuit: {nodes: [layer 0 heads, L1H2], faithfulness: {at_most: 0.9}}",
            ["L1H0, L1H1, L1H3, L1H4, L1H5 write nothing"],
        ),
        (
            "circuit: {nodes: [layer 0 heads, L1H2], completeness: {at_least: 0.1}}",
            ["L1H0, L1H1, L1H3, L1H4, L1H5 write nothing"],
        ),
        ("circuit: {edges: ['L0H3 -> L1H2.k', 'L1H2 -> logits'], faithfulness: {at_most: 0.9}}", []),
        ("attention: {nodes: L0H3, from: A2, to: B1, at_most: 0.9}", ["L0H3 changed places with L0H#"]),
    ],
)
def test_a_claim_that_something_is_small_is_not_made_false_by_making_it_smaller(chosen, check, words):
    assert [_unnumbered(line) for line in chosen(check)] == words


def rank(values):
    return lambda head: values.get(str(head), 0.5)


def heads(*names):
    return tuple(map(parse_node, names))


def shown(exchanges):
    return [exchange.description for exchange in exchanges]


def test_the_head_that_matters_least_is_changed_with():
    values = {"L0H0": 0.3, "L0H1": 0.1, "L0H3": 0.2, "L0H2": 0.0}
    assert shown(exchange_together(heads("L0H2"), SHAPE, rank(values))) == ["L0H2 changed places with L0H1"]
    assert shown(exchange_by_layer(heads("L0H2", "L0H0"), SHAPE, rank(values))) == [
        "L0H0, L0H2 changed places with L0H1, L0H3"
    ]


def test_what_has_no_other_stays_and_that_is_said():
    claimed = heads("L0H0", "L0H1", "L0H2", "L1H0")
    assert exchange_together(claimed, SHAPE, rank({})) == ()
    assert shown(exchange_by_layer(claimed, SHAPE, rank({}))) == [
        "L0H0 changed places with L0H3 (L0H1, L0H2 found no partner)",
        "L1H0 changed places with L1H1",
    ]


def test_a_head_that_must_not_be_chosen_is_not():
    none = lambda head: None  # noqa: E731
    assert exchange_by_layer(heads("L0H0"), SHAPE, none) == ()


def test_heads_that_share_a_key_change_places_among_themselves():
    assert shown(exchange_by_layer(heads("L0H2"), SHARED, rank({"L0H0": -1, "L0H1": -1}))) == [
        "L0H2 changed places with L0H3"
    ]
    assert exchange_by_layer(heads("L0H2", "L0H3"), SHARED, rank({})) == ()


def test_a_shared_key_is_part_of_all_heads_that_read_it():
    assert heads_among(heads("L0H1.k", "L1H0.q"), SHARED) == heads("L0H2", "L0H3", "L1H0")
