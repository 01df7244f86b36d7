"""What one ablation or one sweep cannot see: a pair of which either suffices, and a neuron that needs two tokens."""

import itertools

import numpy as np
import pytest
import torch

from mi_checks.engine.interventions import ablate, noise
from mi_checks.engine.nodes import Node
from tests.planting.placements import AND_NEURON, INDUCTION, REDUNDANT_PAIR
from tests.planting.vocabulary import FILLERS, KEYS, ids

ABLATED = ("zero", "mean", "resample")


@pytest.mark.parametrize("kind", ABLATED)
@pytest.mark.parametrize("name", REDUNDANT_PAIR)
def test_without_either_of_the_pair_nothing_is_lost_and_without_both_everything(name, kind, planted_at):
    planted = planted_at(name)
    first, second = planted.roles["previous_token"]
    alone, other, both = planted.shares([ablate(*nodes, kind=kind) for nodes in ((first,), (second,), (first, second))])
    assert abs(alone) < 0.05
    assert abs(other) < 0.05
    assert both > 0.8


@pytest.mark.parametrize("name", REDUNDANT_PAIR)
def test_noising_either_of_the_pair_removes_nothing(name, planted_at):
    planted = planted_at(name)
    first, second = planted.roles["previous_token"]
    alone, other, both = planted.shares([noise(first), noise(second), noise(first, second)])
    assert abs(alone) < 0.05
    assert abs(other) < 0.05
    assert both > 0.85


@pytest.mark.parametrize("name", INDUCTION)
def test_a_single_previous_token_head_is_missed(name, planted_at):
    """What tells a redundant pair from a head that is alone."""
    planted = planted_at(name)
    shares = planted.shares([ablate(node, kind="zero") for node in planted.nodes])
    assert (shares > 0.4).all()  # of an effect size that has the other answer at its other end


@pytest.mark.parametrize("name", [name for name in INDUCTION if "decoy" in INDUCTION[name].keywords])
def test_a_decoy_looks_like_the_head_and_carries_nothing(name, planted_at, verdict):
    planted = planted_at(name)
    decoy = Node(INDUCTION[name].keywords["decoy"][0], "head", INDUCTION[name].keywords["decoy"][1])
    assert decoy not in planted.nodes
    assert verdict(planted, "attention", nodes=str(decoy), **{"from": "B1"}, to="A1", at_least=0.9).outcome == "pass"
    assert abs(planted.shares([ablate(decoy, kind="zero")])[0]) < 0.05


@pytest.mark.parametrize("name", [name for name in AND_NEURON if name.endswith("a")])
def test_the_neuron_is_active_where_both_tokens_are_there(name, planted_at):
    planted = planted_at(name)
    (neuron,) = planted.roles["and"]
    prompt = planted.batch.pairs[0].clean
    (a,), (b,) = (prompt.labels[label] for label in ("a", "b"))
    table = {}
    for keeps_a, keeps_b in itertools.product((True, False), repeat=2):
        tokens = list(prompt.tokens)
        others = [word for words in (KEYS, FILLERS) for word in ids(words) if word not in tokens]
        tokens[a] = tokens[a] if keeps_a else others[0]
        tokens[b] = tokens[b] if keeps_b else others[-1]
        _, cache = planted.loaded_model.bridge.run_with_cache(torch.tensor([tokens]), names_filter=neuron.hook)
        table[keeps_a, keeps_b] = float(cache[neuron.hook][0, b, neuron.index])
    assert table.pop((True, True)) > 0.6
    assert np.abs([*table.values()]).max() < 0.1
