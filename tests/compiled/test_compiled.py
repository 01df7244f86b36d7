"""Discovery and claims on compiled programs, whose nodes all have a known function (cases 22, 23 and 32 to 38)."""

import csv
import json
from itertools import product

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from benchmarks.judge_discovery import FoundCounts, compute_auroc
from benchmarks.side_by_side import read_programs
from tests.compiled.known import CARRYING, OUTPUTS, PATHS, PROGRAMS

NAMES = tuple(OUTPUTS)


def logits(weights, config, tokens):
    """The logits at the last of some tokens, in float64 and written out, of a model without norms."""
    weights = {name: weight.double() for name, weight in weights.items()}
    n_heads, d_head, length = config["n_heads"], config["d_head"], tokens.shape[1]
    stream = weights["tok_embed.weight"][tokens] + weights["pos.weight"][:length]
    future = torch.ones(length, length).triu(1).bool()
    for layer in range(config["n_layers"]):
        attn, mlp = f"layers.{layer}.attn", f"layers.{layer}.mlp"
        q, k, v = (
            (stream @ weights[f"{attn}.{part}.weight"].T + weights[f"{attn}.{part}.bias"]).unflatten(
                2, (n_heads, d_head)
            )
            for part in "qkv"
        )
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / d_head**0.5
        pattern = scores.masked_fill(future, -torch.inf).softmax(-1)
        z = torch.einsum("bhqk,bkhd->bqhd", pattern, v).flatten(2)
        stream = stream + z @ weights[f"{attn}.o.weight"].T + weights[f"{attn}.o.bias"]
        hidden = torch.relu(stream @ weights[f"{mlp}.fc_in.weight"].T + weights[f"{mlp}.fc_in.bias"])
        stream = stream + hidden @ weights[f"{mlp}.fc_out.weight"].T + weights[f"{mlp}.fc_out.bias"]
    return stream[:, -1] @ weights["head.weight"].T + weights["head.bias"]


@pytest.mark.parametrize("name", NAMES)
def test_the_model_puts_out_what_the_program_says(name, compiled, loaded_model):
    with (compiled / f"{name}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 144
    config = json.loads((compiled / "model" / "config.json").read_text(encoding="utf-8"))
    weights = load_file(compiled / "model" / "model.safetensors")
    vocabulary = loaded_model.tokenization.tokenizer.get_vocab()
    outputs = {word.replace("▁", " "): place for word, place in vocabulary.items() if word.startswith(f"▁{name}=")}
    for side, column in (("clean", "answer"), ("corrupt", "foil")):
        tokens = torch.tensor([[0, *(vocabulary[f"▁{letter}"] for letter in row[side].split())] for row in rows])
        found = logits(weights, config, tokens)[:, list(outputs.values())].argmax(1)
        expected = [f" {name}={OUTPUTS[name](row[side].replace(' ', ''))}" for row in rows]
        assert [list(outputs)[place] for place in found.tolist()] == expected == [row[column] for row in rows]
        plain = logits(weights, config, tokens).float()
        torch.testing.assert_close(loaded_model.bridge(tokens)[:, -1], plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_what_the_text_of_the_program_says(name, truths):
    truth = truths[name]
    assert {label for node in truth.nodes for label in truth.expressions[node]} == CARRYING[name]
    assert all(share == 1 for share in truth.nodes.values())
    carried = {path: carried_by(path, truth.expressions) & PATHS[name] for path in truth.paths}
    assert all(carried.values())
    assert set().union(*carried.values()) == PATHS[name]


def carried_by(path, expressions):
    """The pairs of expressions that a path between nodes may carry, as `PATHS` has them."""
    sender, receiver = path.split(" -> ")
    node, _, via = receiver.partition(".") if "H" in receiver else (receiver, "", "")
    reading = (f"{label}.{via}" if via else label for label in expressions.get(node, [node]))
    return set(product(expressions[sender], reading))


@pytest.mark.parametrize("name", NAMES)
def test_cases_22_and_23_exactly_the_true_nodes_and_paths_are_named(name, judged):
    found = judged(name)
    assert (found.missed, found.false) == ((), ())
    assert (found.missed_paths, found.false_paths) == ((), ())
    assert found.neurons.false == 0
    assert found.nodes == FoundCounts(found.nodes.true, found.nodes.true, 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_larger_effect_tells_true_nodes_and_one_alone_may_not(name, judged):
    larger, recovers, removes = judged(name).auroc
    assert larger == 1
    assert (recovers < 1) == (name == "both")  # either of two conditions alone recovers nothing
    assert (removes < 1) == (name == "either")  # and here the other does without it


@pytest.mark.parametrize("name", NAMES)
def test_true_claims_pass_and_wrong_ones_do_not(name, judged):
    found = judged(name)
    assert found.accuracy == 1
    assert found.right_claims.passed == found.right_claims.made == found.nodes.true
    assert found.wrong_claims.passed == 0
    assert found.wrong_claims.made >= 16
    assert found.drafted.passed == found.drafted.made >= 4


def test_programs_lie_side_by_side(compiled, truths):
    """No two of them share a head, a neuron or a dimension, and each keeps its own weights."""
    heads = [node for truth in truths.values() for node in truth.expressions if "H" in node]
    neurons = [neuron for truth in truths.values() for neuron in truth.neurons]
    assert len(heads) == len(set(heads)) == 8
    assert len(neurons) == len(set(neurons)) > 0
    weights = load_file(compiled / "model" / "model.safetensors")
    written = sum(int((weight != 0).sum()) for name, weight in weights.items() if "attn.o" in name or "fc_out" in name)
    own = [program.weights for program in read_programs(PROGRAMS)]
    assert written == sum(int((each[name] != 0).sum()) for each in own for name in each if name[2:] in ("o", "out"))


def test_auroc_counts_ties_half():
    assert compute_auroc(np.array([0.9, 0.5, 0.5, 0.1]), [True, True, False, False]) == 0.875
