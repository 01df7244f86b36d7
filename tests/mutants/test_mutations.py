"""What each mutation does to a model, told by measuring it; the model that was given stays as it was."""

import numpy as np
import pytest
import torch

from mi_checks.engine.interventions import ablate, denoise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes, parse_node
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.mutants.node_mutations import (
    ExchangedHeads,
    NegatedLogits,
    NegatedNodes,
    SilencedHeads,
    UniformHeads,
    ZeroedNodes,
)
from mi_checks.mutants.path_mutations import CutPath
from tests.engine.cases import ARCHITECTURES, TOLERANCE


def nodes(*names):
    return tuple(map(parse_node, names))


HEADS = nodes("L0H1", "L1H2")
PAIRS = (nodes("L0H0", "L0H1"), nodes("L1H3", "L1H2"))  # of one key and value, where two heads share one
WITH_MLPS = [name for name, config in ARCHITECTURES.items() if not config.get("attn_only") and config["n_layers"] > 1]
DEEP = [name for name, config in ARCHITECTURES.items() if config["n_layers"] > 1]
EVERY = (
    ZeroedNodes(HEADS), NegatedNodes(nodes("L1H0")), SilencedHeads(), NegatedLogits(), ExchangedHeads(PAIRS),
    UniformHeads(HEADS),
    CutPath(nodes("L0H1"), nodes("L1H2.q")), CutPath(HEADS, (LOGITS,)),
)  # fmt: skip
MLPS = (
    ZeroedNodes(nodes("L0N3", "L1N7", "L1.mlp")),
    NegatedNodes(nodes("L0N5", "L1N2")),
    CutPath(nodes("L0H0"), nodes("L0.mlp")),
)


def close(found, expected):
    return np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


def mutated(engine, mutation):
    return engine.with_weights(mutation.apply(engine.model), mutation.first_changed_layer(engine.model))


@pytest.mark.parametrize("mutation", EVERY + MLPS, ids=lambda mutation: mutation.description)
@pytest.mark.parametrize("architecture", ["gelu", "solu", "llama"])
def test_runs_that_are_shared_are_those_of_the_mutated_model(random_engine, architecture, mutation):
    engine = random_engine(architecture)
    kept = {name: weight.clone() for name, weight in engine.model.weights.items()}
    model = mutation.apply(engine.model)
    shared = engine.with_weights(model, mutation.first_changed_layer(engine.model))
    alone = ReplayEngine(engine.loaded_model, engine.batch, model)
    sweep = [denoise(node) for node in (*all_nodes("head", engine.loaded_model.shape), *nodes("L0N3", "L1N7"))]
    assert close(shared.scores(sweep), alone.scores(sweep))
    assert close(shared.unpatched.clean.logit_diff, alone.unpatched.clean.logit_diff)
    assert not close(alone.unpatched.clean.logit_diff, engine.unpatched.clean.logit_diff) or isinstance(
        mutation, ExchangedHeads
    )
    assert all(torch.equal(weight, kept[name]) for name, weight in engine.model.weights.items())


@pytest.mark.parametrize("names", [("L0H1", "L1H2"), ("L0N3", "L1N7"), ("L1.mlp",), ("L0.attn",), ("L1.attn", "L0H3")])
@pytest.mark.parametrize("architecture", WITH_MLPS)
def test_what_is_zeroed_is_zero_ablated_for_good(random_engine, architecture, names):
    engine = random_engine(architecture)
    ablated = engine.scores([ablate(*nodes(*names), kind="zero")])[0]
    other = mutated(engine, ZeroedNodes(nodes(*names)))
    assert close(other.unpatched.clean.logit_diff, ablated)
    assert close(other.scores([denoise(*nodes(*names))])[0], other.unpatched.corrupt.logit_diff)


def test_of_a_shared_key_all_heads_that_read_it_are_zeroed(random_engine):
    engine = random_engine("llama")  # two keys for four heads
    ablated = engine.scores([ablate(*nodes("L1H2", "L1H3"), kind="zero")])[0]
    assert close(mutated(engine, ZeroedNodes(nodes("L1H1.k"))).unpatched.clean.logit_diff, ablated)
    assert close(mutated(engine, ZeroedNodes(nodes("L1H2.q", "L1H3.pattern"))).unpatched.clean.logit_diff, ablated)


@pytest.mark.parametrize("architecture", WITH_MLPS)
def test_what_is_turned_writes_the_opposite(random_engine, architecture):
    model = random_engine(architecture).model
    neurons = torch.zeros(1, 48)
    neurons[:, [3, 4]] = torch.tensor([2.0, 1.0])
    bias = model.mlp_out(0, torch.zeros(1, 48))
    turned = NegatedNodes(nodes("L0N3", "L0N4")).apply(model)
    assert torch.allclose(turned.mlp_out(0, neurons) - bias, bias - model.mlp_out(0, neurons), atol=1e-6)
    assert torch.equal(NegatedNodes(nodes("L0.mlp")).apply(model).mlp_out(0, neurons), -model.mlp_out(0, neurons))
    assert torch.equal(NegatedNodes(nodes("L0H1")).apply(model).w_o(0)[1], -model.w_o(0)[1])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_with_the_logits_turned_the_preference_is_reversed(random_engine, architecture):
    engine = random_engine(architecture)
    other = mutated(engine, NegatedLogits())
    assert close(other.unpatched.clean.logit_diff, -engine.unpatched.clean.logit_diff)
    assert close(other.unpatched.effect_size, -engine.unpatched.effect_size)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_heads_nothing_reaches_the_end(random_engine, architecture):
    engine = random_engine(architecture)  # whose prompts differ before END
    assert np.abs(engine.unpatched.effect_size).max() > 1e-3
    assert close(mutated(engine, SilencedHeads()).unpatched.effect_size, np.zeros(6))


@pytest.mark.parametrize("architecture", DEEP)
def test_heads_that_changed_places_do_what_the_others_did(random_engine, architecture):
    """The oracle: a sweep of the mutated model is one of the model itself, its nodes renamed."""
    engine, exchanged = random_engine(architecture), ExchangedHeads(PAIRS)
    other = mutated(engine, exchanged)
    heads = all_nodes("head", engine.loaded_model.shape)
    assert close(other.unpatched.clean.logit_diff, engine.unpatched.clean.logit_diff)
    expected = engine.scores([denoise(exchanged.renamed(head, 1)) for head in heads])
    assert close(other.scores([denoise(head) for head in heads]), expected)
    assert not close(engine.scores([denoise(head) for head in heads]), expected)
    for head in heads[:4]:
        assert torch.allclose(
            other.attention_by_position(head), engine.attention_by_position(exchanged.renamed(head, 1)), atol=1e-6
        )


@pytest.mark.parametrize("architecture", DEEP)
def test_a_blinded_head_attends_alike_to_all_before_it(random_engine, architecture):
    engine = random_engine(architecture)
    other = mutated(engine, UniformHeads(HEADS))
    pattern = other.attention_by_position(HEADS[1])[0, 4]
    assert torch.allclose(pattern[:5], torch.full((5,), 0.2))
    assert float(pattern[5:].sum()) == 0
    assert torch.allclose(
        other.attention_by_position(Node(0, "head", 0)), engine.attention_by_position(Node(0, "head", 0))
    )


@pytest.mark.parametrize("receiver", ["L1H2.q", "L1H0.k", "L1H1.v", "L1.mlp"])
def test_nothing_is_sent_by_a_path_that_is_cut(random_engine, receiver):
    engine = random_engine("no norm")
    (sender,), into = nodes("L0H1"), nodes(receiver)
    path, others = denoise(sender, into=into), denoise(sender)
    moved = np.abs(engine.scores([path])[0] - engine.unpatched.corrupt.logit_diff)
    other = mutated(engine, CutPath((sender,), into))
    assert moved.max() > 1e-3
    assert close(other.scores([path])[0], other.unpatched.corrupt.logit_diff)
    assert not close(other.scores([others])[0], other.unpatched.corrupt.logit_diff)  # by other ways it still gets there


@pytest.mark.parametrize("architecture", WITH_MLPS)
def test_a_receiver_sees_of_the_sender_nothing_but_the_scale_of_the_norm(random_engine, architecture):
    model = random_engine(architecture).model
    cut = CutPath(nodes("L0H1", "L0N5"), nodes("L1H0.q", "L1.mlp")).apply(model)
    generator = torch.Generator().manual_seed(0)
    stream = torch.randn(1, 32, generator=generator)
    sent = torch.randn(1, 8, generator=generator) @ model.w_o(0)[1] + 0.7 * model.w_out(0)[5]

    def projected(of, matrix, norm, x):
        """What a matrix makes of the stream as the norm scales and centres it, but for the division by its size."""
        centred = x - x.mean() if of.norm in ("LN", "LNPRE") else x
        return (centred * of.weights.get(f"{norm}.weight", torch.ones(32))) @ of.weights[f"{matrix}.weight"][:8].T

    for reader in (("blocks.1.attn.q", "blocks.1.ln1"), ("blocks.1.mlp.in", "blocks.1.ln2")):
        before = projected(model, *reader, stream + sent) - projected(model, *reader, stream)
        after = projected(cut, *reader, stream + sent) - projected(cut, *reader, stream)
        assert before.abs().max() > 0.1
        assert after.abs().max() < 1e-4
