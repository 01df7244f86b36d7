"""Discovery tells planted nodes that cancel, suppress, need each other, are copies or saturated as what they are."""

import math

import pytest
import torch
import yaml

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.nodes import parse_node
from mi_checks.spec.behaviour import ModelEntry
from mi_checks.spec.load_file import load_behaviour
from mi_checks.studies.discovery.discovery import explore
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.draft_yaml import discovery_yaml
from mi_checks.studies.discovery.held_out_claims import parse_entry
from mi_checks.studies.discovery.mechanism import describe_node
from tests.planting import kinds

PAIRS = 320  # 6.5 √tests: enough for all neurons, denoised and noised
TWO, THREE, FOUR = ((0, 0), (0, 2)), ((0, 0), (0, 2), (0, 3)), ((0, 0), (0, 1), (0, 2), (0, 3))
OPPOSED = {
    "cancelling": (lambda: kinds.opposed(gains=(5.0, -4.0)), (5.0, -4.0)),
    "cancelling-nearly": (lambda: kinds.opposed(gains=(2.48, -1.48), seed=1), (2.48, -1.48)),
    "suppressed": (lambda: kinds.opposed(3, heads=((0, 0), (2, 1)), gains=(2.0, -1.0), seed=2), (2.0, -1.0)),
    "suppressed-by-two": (
        lambda: kinds.opposed(2, 4, heads=((0, 1), (1, 0), (1, 3)), gains=(3.0, -1.0, -1.0), seed=3),
        (3.0, -1.0, -1.0),
    ),
}
CONJUNCTIONS = {
    "and-of-two": lambda: kinds.team(members=TWO, strength=0.75, rest=1.125),
    "and-of-two-in-two-layers": lambda: kinds.team(
        3, members=((0, 1), (1, 2)), reader=(2, 3), strength=0.75, rest=1.125, noise=0.003, seed=1
    ),
    "and-of-three": lambda: kinds.team(members=THREE, strength=0.75, rest=1.875),
}
COPIES = {
    "copies": lambda: kinds.team(members=TWO, strength=1.0),
    "copies-each-missed-a-little": lambda: kinds.team(members=TWO, strength=0.57),
    "three-copies": lambda: kinds.team(members=THREE, strength=1.0, seed=1),
    "four-copies": lambda: kinds.team(members=FOUR, strength=1.0, reader=(1, 3), seed=2),
}


def saturated_many():
    return kinds.saturated(d_mlp=120, flags=(77,), clip=(17, 93))


MAKES = {name: make for name, (make, _) in OPPOSED.items()} | CONJUNCTIONS | COPIES
MAKES["saturated-inf"] = saturated_many


@pytest.fixture(scope="module")
def found_at():
    """What was planted, and what is discovered of it; each is made once."""
    torch.set_num_threads(1)
    made = {}

    def get(name, make, seconds=math.inf):
        if name not in made:
            planted = make()
            made[name] = (
                planted,
                explore(
                    planted.behaviour(), planted.loaded_model, DiscoveryOptions(count=PAIRS, exact_seconds=seconds)
                ),
            )
        return made[name]

    return get


def claims(discovery, kind):
    """The drafted checks of a kind, with their lines."""
    return [(line.entry[kind], line) for line in discovery.draft.lines if kind in line.entry]


def claim_of(discovery, kind, nodes, direction):
    """The bound of the drafted claim of these nodes."""
    (bound,) = [
        fields[direction] for fields, _ in claims(discovery, kind) if fields["nodes"] == nodes and direction in fields
    ]
    return bound


@pytest.mark.parametrize("name", OPPOSED)
def test_case_20_heads_that_cancel_are_all_found_with_their_effects(name, found_at):
    make, gains = OPPOSED[name]
    planted, discovery = found_at(name, make)
    found = discovery.mechanism
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    for (node,), gain in zip(planted.roles.values(), gains, strict=True):
        for effects in (found.heads.recovers, found.heads.removes):
            assert effects.fraction(node).value == pytest.approx(gain, abs=0.12)
        assert (node in found.heads.suppressing) == (gain < 0)
        assert (node in found.heads.sufficient) == (gain > 0)


@pytest.mark.parametrize("name", OPPOSED)
def test_case_20_the_circuit_holds_both_and_its_claim_holds_it_from_both_sides(name, found_at):
    planted, discovery = found_at(name, OPPOSED[name][0])
    assert discovery.mechanism.circuit.nodes == planted.nodes
    assert discovery.mechanism.circuit.faithfulness.value == pytest.approx(1, abs=0.08)
    ((fields, line),) = claims(discovery, "circuit")
    assert 0.5 < fields["faithfulness"]["at_least"] < 1 < fields["faithfulness"]["at_most"] < 1.5
    assert "minimal" not in fields
    assert "faithfulness would be higher" in line.note


@pytest.mark.parametrize("name", OPPOSED)
def test_case_21_suppressing_heads_are_named_and_their_paths_drafted(name, found_at):
    make, gains = OPPOSED[name]
    planted, discovery = found_at(name, make)
    for (node,), gain in zip(planted.roles.values(), gains, strict=True):
        if gain > 0:
            continue
        assert "suppresses the behaviour" in describe_node(node, discovery.mechanism)
        bound = claim_of(discovery, "patching", str(node), "recovers")
        assert bound["at_least"] < gain + 0.12
        assert gain - 0.12 < bound["at_most"] < 0
        ((path, line),) = [each for each in claims(discovery, "path") if each[0]["from"] == str(node)]
        assert (path["to"], line.note.partition(";")[0]) == ("logits", "opposes the behaviour")
        assert path["recovers"]["at_most"] < 0
    text = discovery_yaml(discovery)
    assert f"# heads that suppress (either effect is below −0.1): {planted.nodes[1]}" in text


def test_case_34_what_is_more_than_the_whole_is_drafted_with_a_warning_and_from_both_sides(found_at):
    _, discovery = found_at("cancelling", OPPOSED["cancelling"][0])
    warned = [line for line in discovery.draft.lines if "warning: exceeds the whole effect" in line.note]
    assert len(warned) == 4  # both heads, both paths
    for line in warned:
        ((_, fields),) = line.entry.items()
        assert {*fields["recovers"]} == {"at_least", "at_most"}
    assert "exceeds the whole effect" in describe_node(discovery.mechanism.nodes[0], discovery.mechanism)


def test_case_21_a_copy_suppressing_head_is_named_with_the_path_into_it(found_at):
    planted, discovery = found_at("copy-suppression", kinds.copy_suppression)
    writer, suppressor = planted.nodes
    found = discovery.mechanism
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    assert [str(edge) for edge in found.paths.opposing] == [f"{writer} -> {suppressor}.v", f"{suppressor} -> logits"]
    assert found.heads.recovers.fraction(writer).value == pytest.approx(1, abs=0.02)
    assert found.heads.recovers.fraction(suppressor).value < -0.5
    assert describe_node(suppressor, found) == "suppresses the behaviour"
    assert found.circuit.nodes == planted.nodes


@pytest.mark.parametrize("name", CONJUNCTIONS)
def test_case_22_heads_that_need_each_other_are_a_conjunction(name, found_at):
    planted, discovery = found_at(name, CONJUNCTIONS[name])
    found, members = discovery.mechanism, planted.roles["previous_token"]
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    assert found.conjunctions == (tuple(sorted(members)),)
    assert found.redundant == ()
    assert set(found.heads.needed) == set(planted.nodes)
    assert found.heads.sufficient == planted.roles["induction"]
    for node in members:
        assert found.heads.recovers.fraction(node).value == pytest.approx(0, abs=0.02)
        assert found.heads.removes.fraction(node).value > 0.9
        others = ", ".join(str(other) for other in sorted(members) if other != node)
        assert describe_node(node, found) == f"needed, but not sufficient alone; in conjunction with {others}"
        assert claim_of(discovery, "patching", str(node), "removes")["at_least"] > 0.4
        assert claim_of(discovery, "patching", str(node), "recovers")["at_most"] < 0.1
    assert claim_of(discovery, "patching", [*map(str, sorted(members))], "recovers")["at_least"] > 0.8
    assert found.circuit.nodes == planted.nodes


def test_case_22_an_and_neuron_and_what_it_reads(found_at):
    planted, discovery = found_at("gate", kinds.gate)
    found, heads = discovery.mechanism, planted.roles["fetch"]
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    assert found.conjunctions == (tuple(sorted(heads)),)
    assert found.heads.sufficient == ()
    assert set(found.heads.needed) == set(heads)
    assert found.neurons.sufficient == found.neurons.needed == planted.roles["and"]
    assert found.unexplained_layers == ()


@pytest.mark.parametrize("name", COPIES)
def test_case_23_copies_are_redundant_however_little_each_is_missed(name, found_at):
    planted, discovery = found_at(name, COPIES[name])
    found, copies = discovery.mechanism, tuple(sorted(planted.roles["previous_token"]))
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    assert found.redundant == (copies,)
    assert found.conjunctions == ()
    (joint,) = found.joint_effects.redundant
    assert joint.together.value > 0.5  # the mean of four copies still points at B a little
    each = 0.0 if "little" not in name else 1 - kinds.attention_to_b(1, 0.57, 0.5)
    assert all(alone.value == pytest.approx(each, abs=0.1) for alone in joint.alone)
    for node in copies:
        assert f"redundant with {', '.join(str(other) for other in copies if other != node)}" in describe_node(
            node, found
        )
    together = claim_of(discovery, "ablation", [*map(str, copies)], "removes")
    assert together["at_least"] > claim_of(discovery, "ablation", str(copies[0]), "removes")["at_most"]


@pytest.mark.parametrize("seconds", [math.inf, 0])
def test_case_33_saturated_neurons_are_found_swept_or_screened(seconds, found_at):
    """Screened, no estimate lets the flag through but by rounding: exact patching of groups does."""
    planted, discovery = found_at(f"saturated-{seconds}", saturated_many, seconds)
    found = discovery.mechanism
    assert found.nodes == planted.nodes
    assert set(found.edges) == set(planted.edges)
    assert (found.neurons.selection is None) == (seconds > 0)
    (flag,), (plus, minus) = planted.roles["flag"], planted.roles["clip"]
    assert found.neurons.recovers.fraction(flag).value == pytest.approx(1, abs=1e-3)
    assert found.neurons.recovers.fraction(plus).value == pytest.approx(4, abs=0.01)
    assert found.neurons.suppressing == (minus,)
    assert found.unexplained_layers == ()  # 4 and −3 are together all that the layer does
    if found.neurons.selection is not None:
        assert found.neurons.selection.n_by_group_patching >= 1
        text = discovery_yaml(discovery)
        assert "patching ever smaller groups selected" in text
        assert "mediators[neuron]: only a selection of the neurons was patched" in text


@pytest.mark.parametrize("seconds", [math.inf, 0])
def test_case_23_neurons_can_be_copies(seconds, found_at):
    planted, discovery = found_at(
        f"copied-flags-{seconds}", lambda: kinds.saturated(d_mlp=120, flags=(7, 101), clip=(17, 93)), seconds
    )
    found, flags = discovery.mechanism, planted.roles["flag"]
    assert found.nodes == planted.nodes
    assert found.redundant == (flags,)
    assert set(flags) <= set(found.neurons.sufficient)
    assert not set(flags) & set(found.neurons.needed)


@pytest.mark.parametrize("seconds", [math.inf, 0])
def test_case_22_neurons_can_need_each_other(seconds, found_at):
    planted, discovery = found_at(
        f"half-flags-{seconds}", lambda: kinds.saturated(d_mlp=120, flags=(7, 101), size=0.5, clip=(17, 93)), seconds
    )
    found, flags = discovery.mechanism, planted.roles["flag"]
    assert found.nodes == planted.nodes
    assert found.conjunctions == (flags,)
    assert set(flags) <= set(found.neurons.needed)
    assert not set(flags) & set(found.neurons.sufficient)


@pytest.mark.parametrize("name", ["cancelling", "and-of-two", "copies", "saturated-inf"])
def test_case_35_every_drafted_check_holds_on_the_other_engine(name, found_at):
    """The model named last has no noise at all, so that bounds rest on values without variance."""
    planted, discovery = found_at(name, MAKES[name])
    entry = dict(discovery.draft.entry.get("nodes", {}).items())
    behaviour = planted.behaviour().model_copy(update={"models": {planted.loaded_model.name: ModelEntry(nodes=entry)}})
    batch = discovery.prompts.held_out
    engine = choose_engine("reference", planted.loaded_model, batch)
    measured = Measurements(behaviour, planted.loaded_model, batch, engine)
    verdicts = [
        run_check(part, measured) for line in discovery.draft.lines for part in parse_entry(line.entry).check.parts
    ]
    assert [verdict.claim for verdict in verdicts if verdict.outcome != "pass"] == []
    assert len(verdicts) >= 8


def test_a_node_that_was_not_found_has_no_role(found_at):
    _, discovery = found_at("copies", COPIES["copies"])
    assert describe_node(parse_node("L0H1"), discovery.mechanism) == "no effect of its own"


@pytest.mark.parametrize("name", ["cancelling", "and-of-two", "copies", "saturated-inf"])
def test_a_draft_stands_in_a_behaviour_file(name, found_at, tmp_path):
    """As it is written, in place of the checks and of the model's entry."""
    planted, discovery = found_at(name, MAKES[name])
    file, _ = planted.write(tmp_path)
    before, draft = yaml.safe_load(file.read_text()), yaml.safe_load(discovery_yaml(discovery))
    draft["models"] = dict.fromkeys(before["models"], draft["models"][planted.loaded_model.name])
    file.write_text(yaml.safe_dump({**before, **draft}, sort_keys=False))
    loaded = load_behaviour(file)
    assert len(loaded.behaviour.checks) == len(discovery.draft.lines)
    layers = {
        "patching": {"nodes": "L0.mlp", "recovers": {"at_least": -1.2, "at_most": -0.5}}
    }  # as of a layer that suppresses
    file.write_text(yaml.safe_dump({**before, "checks": [layers]}, sort_keys=False))
    assert load_behaviour(file).behaviour.checks[0].check.id == "patching[L0.mlp]"
