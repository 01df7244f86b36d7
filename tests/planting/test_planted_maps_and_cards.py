"""Where what tells clean from corrupt stands, layer by layer, and what neurons and heads are said to do, is planted."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.prompts.batch import Prompt
from mi_checks.spec.behaviour import Behaviour
from mi_checks.suite.evidence.circuit_evidence import circuit, path_prompts
from mi_checks.suite.evidence.gather import MAX_MAP_LABELS, MAX_MAP_LAYERS, position_map
from mi_checks.suite.evidence.node_cards import MAX_ACTIVE_PLACES, N_PROMOTED_TOKENS, most_active
from tests import planted as planting
from tests.engine.cases import native, prompts


def on_few(planted, *checks):
    measured = planted.measurements(*checks)
    measured.sweep("head")
    batch = path_prompts(measured)
    return measured, measured.with_batch(batch).with_engine(choose_engine("replay", planted.loaded_model, batch))


def replayed(measured, batch):
    """The same behaviour on other prompts, by the replay engine."""
    return measured.with_batch(batch).with_engine(choose_engine("replay", measured.loaded_model, batch))


def shares(heatmap):
    return {
        (row, column): value
        for row, values in zip(heatmap.rows, heatmap.values, strict=True)
        for column, value in zip(heatmap.columns, values, strict=True)
    }


def relabelled(measured, change):
    """The same measurements of prompts with other labels: those of each prompt changed."""

    def prompt(old):
        return replace(old, labels=change(old.labels))

    pairs = tuple(
        replace(pair, clean=prompt(pair.clean), corrupt=prompt(pair.corrupt)) for pair in measured.batch.pairs
    )
    batch = replace(measured.batch, pairs=pairs)
    return replayed(measured, batch)


def test_what_tells_clean_from_corrupt_moves_as_planted():
    """From A1 and D1 the previous-token head takes it to what follows them; at END it is only after the last layer."""
    _, measured = on_few(planting.induction(3, previous=(0, 2), induction=(2, 1)))
    found = position_map(measured)
    assert found.title == ("fraction recovered by the residual stream before each layer, at each label, on 32 prompts")
    assert (found.rows, found.columns) == (("L0", "L1", "L2"), ("A1", "B1", "D1", "C1", "A2 END"))
    share = shares(found)
    for layer in ("L1", "L2"):
        assert share[layer, "B1"] > 0.3 < share[layer, "C1"]
        assert abs(share[layer, "A1"]) + abs(share[layer, "D1"]) < 0.05
    assert share["L0", "A1"] > 0.3 < share["L0", "D1"]
    assert share["L0", "B1"] == share["L0", "C1"] == 0
    assert all(abs(share[layer, "A2 END"]) < 0.05 for layer in found.rows)


def test_it_is_what_each_stream_recovers_alone():
    planted = planting.skip_trigram(2, head=(1, 1))
    _, measured = on_few(planted)
    share = shares(position_map(measured))
    assert {column for _, column in share} == {"a", "b END"}
    assert share["L0", "a"] == pytest.approx(1, abs=0.05)
    assert share["L1", "a"] == pytest.approx(1, abs=0.05)
    assert abs(share["L1", "b END"]) < 0.05


def test_one_column_is_no_map():
    _, measured = on_few(planting.skip_trigram())
    assert position_map(relabelled(measured, lambda labels: {"END": labels["END"], "b": labels["b"]})) is None


def test_without_an_effect_size_there_is_no_map():
    _, measured = on_few(planting.skip_trigram())
    pairs = tuple(replace(pair, corrupt=pair.clean) for pair in measured.batch.pairs)
    batch = replace(measured.batch, pairs=pairs)
    assert position_map(replayed(measured, batch)) is None


def test_of_many_labels_the_first_and_the_last_are_shown():
    _, measured = on_few(planting.induction())
    last = measured.batch.pairs[0].clean.labels["END"][0]
    many = relabelled(measured, lambda labels: {**{f"t{i}": (i,) for i in range(last)}, "END": labels["END"]})
    found = position_map(many)
    assert found.columns == (*(f"t{i}" for i in range(MAX_MAP_LABELS - 1)), "END")
    assert f"at {MAX_MAP_LABELS} of {last + 1} labels, on" in found.title


def test_of_a_deep_model_some_layers_are_shown():
    _, measured = on_few(planting.skip_trigram(MAX_MAP_LAYERS + 2, 2, head=(3, 1)))
    found = position_map(measured)
    assert (len(found.rows), found.rows[0], found.rows[-1]) == (MAX_MAP_LAYERS, "L0", f"L{MAX_MAP_LAYERS + 1}")
    assert found.title.startswith(
        f"fraction recovered by the residual stream before {MAX_MAP_LAYERS} of {MAX_MAP_LAYERS + 2} layers, at"
    )


def test_clean_and_corrupt_may_differ_in_length():
    """Then the map is of the labels, each where it stands in either."""
    _, measured = on_few(planting.skip_trigram())

    def longer(old):
        labels = {label: tuple(place + 1 for place in places) for label, places in old.labels.items()}
        begin, *rest = old.tokens
        return replace(old, tokens=(begin, rest[0], *rest), pieces=("<s>", *old.pieces), labels=labels)

    pairs = tuple(replace(pair, corrupt=longer(pair.corrupt)) for pair in measured.batch.pairs)
    batch = replace(measured.batch, pairs=pairs, by_labels=True)
    share = shares(position_map(replayed(measured, batch)))
    assert share["L0", "a"] == pytest.approx(1, abs=0.1)
    assert abs(share["L0", "b END"]) < 0.1


AND = {"patching": {"nodes": ["fetch", "and"], "recovers": {"at_least": 0.5}}}
ABLATION = {"ablation": {"nodes": "and", "with": "zero", "removes": {"at_least": 0.3}}}


def test_a_neuron_is_active_where_it_should_be_and_promotes_its_answer():
    planted = planting.and_neuron(2, head=(0, 1), neuron=(1, 5))
    found = circuit(*on_few(planted, AND, ABLATION))
    (card,) = found.neurons
    pair = planted.batch.pairs[0]
    assert card.neuron == "L1N5"
    assert (len(card.active), len(card.promotes), len(card.suppresses)) == (
        MAX_ACTIVE_PLACES,
        N_PROMOTED_TOKENS,
        N_PROMOTED_TOKENS,
    )
    for place in card.active:
        assert place.token == pair.clean.pieces[-1]  # the b, also where it stands among the fillers after the a
        assert len(place.before) == 6
        assert place.value == pytest.approx(1, abs=0.3)
    values = [place.value for place in card.active]
    assert values == sorted(values, reverse=True)
    assert card.promotes[0].token == pair.answers[0]
    assert card.promotes[0].logit > 5 > 4 * card.promotes[1].logit
    assert card.suppresses[0].logit <= card.suppresses[-1].logit < 0.1
    assert card.direct.low > 4
    assert card.ablation == "zero"
    assert card.removes.low > 0.3
    assert found.cards


def test_what_prompts_share_counts_once():
    same = Prompt("", (0, 1, 2), ("<s>", " a", " b"), {"B": (2,), "END": (2,)})
    other = Prompt("", (0, 1, 3), ("<s>", " a", " c"), {"END": (2,)})
    short = Prompt("", (0, 4), ("<s>", " d"), {})
    activity = np.array([[9.0, 1, 2], [9.0, 1, 3], [9.0, 1, 2], [9.0, -1, 7]])
    found = list(most_active(activity, [same, other, same, short]))
    assert [(place.token, place.label, place.value) for place in found] == [
        ("<s>", "", 9), (" c", "END", 3), (" b", "B END", 2), (" a", "", 1), (" d", "", -1),
    ]  # fmt: skip
    assert found[1].before == ("<s>", " a")


def test_a_head_takes_what_it_writes_from_where_it_looks():
    planted = planting.induction(previous=(0, 1), induction=(1, 2))
    claim = {"mediators": {"component": "head", "above": 0.5, "exactly": sorted(planted.roles)}}
    measured, some = on_few(planted, claim)
    card = next(card for card in circuit(measured, some).cards if card.head == "L1H2")
    assert len(card.sources) == len(card.attention[-1])
    shown = measured.example_pairs["median"]
    assert int(np.argmax(card.sources)) == planted.batch.pairs[shown].clean.labels["B1"][0]
    (node,) = planted.roles["induction"]
    assert sum(card.sources) == pytest.approx(measured.measure(DirectEffects((node,)))[0, shown], abs=1e-3)


def test_maps_and_cards_are_recalled(tmp_path):
    planted = planting.and_neuron(2, head=(0, 1), neuron=(1, 5))
    measured, _ = on_few(planted, AND)
    batch = path_prompts(measured)
    store, seen = CacheStore(tmp_path), []
    for _ in range(2):
        cached_engine = CachedEngine(lambda: choose_engine("replay", planted.loaded_model, batch), store, "key")
        some = measured.with_batch(batch).with_engine(cached_engine)
        seen.append((circuit(measured, some), position_map(some)))
        cached_engine.save()
    assert seen[0] == seen[1]
    assert not cached_engine.has_engine
    assert seen[0][1] is not None
    assert seen[0][0].neurons


def grouped(*checks):
    """Claims of a model whose heads share keys and values by two: H0 and H1 the first, H2 and H3 the second."""
    loaded_model, batch = native("llama"), prompts(count=6, seed=1)
    written = {
        "name": "grouped", "summary": "s", "checks": list(checks), "models": {"llama": {}},
        "prompts": {"variables": {"a": {"values": [" a", " b"]}}, "template": "{{ a }}", "corrupt": {"a": " b"},
                    "answer": " c", "foils": [" d"]},
    }  # fmt: skip
    behaviour = Behaviour.model_validate(written, by_alias=True, by_name=False)
    measured = Measurements(behaviour, loaded_model, batch, choose_engine("replay", loaded_model, batch))
    measured.sweep("head")
    return {(edge.sender, edge.receiver, edge.via) for edge in circuit(measured, measured).edges if edge.claimed}


def path(to, via):
    return {"path": {"from": "L0H0", "to": to, "via": via, "recovers": {"at_least": 0.5}}}


def test_a_shared_key_is_drawn_at_the_head_that_is_claimed_to_read_it():
    assert grouped(path("L1H3", "k")) == {("L0H0", "L1H3", "k")}
    assert grouped(path("L1H2", "v")) == {("L0H0", "L1H2", "v")}


def test_a_key_that_two_drawn_heads_share_is_drawn_at_the_first():
    assert grouped(path("L1H3", "k"), path("L1H2", "q")) == {("L0H0", "L1H2", "k"), ("L0H0", "L1H2", "q")}


def test_queries_are_not_shared():
    assert grouped(path("L1H3", "q"), path("L1H1", "q")) == {("L0H0", "L1H3", "q"), ("L0H0", "L1H1", "q")}
