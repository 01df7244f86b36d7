"""Every shortcut is taken: the positions that went through attention and MLP are counted."""

import pytest
import torch

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.node_names import ModelShape

PAIRS, LENGTH, DIFFERS, LAYERS, HEADS = 3, 12, 5, 3, 4
REST = LENGTH - DIFFERS  # positions from the first difference on


@pytest.fixture(scope="module")
def loaded_model():
    from transformer_lens.model_bridge import TransformerBridge

    config = {
        "n_layers": LAYERS, "d_model": 16, "n_ctx": LENGTH, "d_head": 4, "n_heads": HEADS, "d_vocab": 30, "d_mlp": 20,
        "act_fn": "gelu", "normalization_type": "LN", "seed": 1,
    }  # fmt: skip
    bridge = TransformerBridge.boot_native(config).eval()
    provenance = Provenance("random", "", "", "float32", "cpu", "raw")
    return LoadedModel("random", bridge, None, ModelShape(LAYERS, HEADS, 20), LENGTH, provenance)


@pytest.fixture
def engine(loaded_model):
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(PAIRS):
        clean = torch.randint(0, 30, (LENGTH,), generator=generator).tolist()
        corrupt = [*clean[:DIFFERS], (clean[DIFFERS] + 1) % 30, *clean[DIFFERS + 1 :]]
        both = [
            Prompt("", tuple(t), ("",) * LENGTH, {"END": (LENGTH - 1,), "X": (DIFFERS + 2,)}) for t in (clean, corrupt)
        ]
        pairs.append(PromptPair(*both, ("",), ("",), ((1,),), ((2,),)))
    return ReplayEngine(loaded_model, PromptBatch(tuple(pairs), "mean"), replayable_model(loaded_model))


def counted(engine, *interventions):
    engine.positions_computed.clear()
    engine.scores(list(interventions))
    return dict(engine.positions_computed)


def test_prefix_suffix_and_last_layer(engine):
    """Of layer 0's heads: its MLP and layer 1 from the first difference on, layer 2 at END alone."""
    heads = [denoise(Node(0, "head", h)) for h in range(HEADS)]
    each = HEADS * PAIRS
    assert counted(engine, *heads) == {
        "mlp": each * (REST + REST + 1),
        "queries": each * (REST + 1),
        "sources": each * (REST + REST),
    }


def test_nothing_before_the_patched_layer(engine):
    assert counted(engine, denoise(Node(1, "head", 0))) == {
        "mlp": PAIRS * (REST + 1), "queries": PAIRS, "sources": PAIRS * REST,
    }  # fmt: skip


def test_nothing_before_the_patched_position(engine):
    """`X` is two positions after the first difference."""
    assert counted(engine, denoise(Node(0, "mlp"), at="X")) == {
        "mlp": PAIRS * (REST - 2 + 1), "queries": PAIRS * (REST - 2 + 1), "sources": PAIRS * 2 * (REST - 2),
    }  # fmt: skip


def test_the_last_layer_only_at_the_end(engine):
    assert counted(engine, *(noise(node) for node in all_nodes("head", engine.loaded_model.shape, (-1,)))) == {
        "mlp": HEADS * PAIRS
    }
    assert counted(engine, *(noise(node) for node in all_nodes("neuron", engine.loaded_model.shape, (-1,)))) == {}


@pytest.mark.parametrize(
    "intervention",
    [
        denoise(Node(LAYERS - 1, "head", 0), at="X"),
        denoise(Node(LAYERS - 1, "mlp"), at="X"),
        noise(Node(0, "head", 0), at=DIFFERS - 1),
        noise(Node(0, "attn"), at=0),
        denoise(Node(0, "head", 0), at="X", into=(LOGITS,)),
        denoise(Node(0, "head", 0), at="X", into=(Node(LAYERS - 1, "q", 0),)),
    ],
    ids=lambda i: f"{i.nodes[0]}@{i.at}{'->' + str(i.into[0]) if i.into else ''}",
)
def test_what_cannot_reach_the_end_is_not_computed(engine, intervention):
    assert counted(engine, intervention) == {}
    side = engine.unpatched.corrupt if intervention.run == "corrupt" else engine.unpatched.clean
    assert engine.scores([intervention])[0].tolist() == side.logit_diff.tolist()


def test_paths(engine):
    """Into the last layer only END is left; into the logits nothing is."""
    assert counted(engine, denoise(Node(0, "head", 0), into=(LOGITS,))) == {}
    assert counted(engine, denoise(Node(0, "head", 0), into=(Node(LAYERS - 1, "k", 1),))) == {"mlp": PAIRS}
    assert counted(engine, denoise(Node(0, "head", 0), into=(Node(1, "v", 1),))) == {
        "mlp": PAIRS * (REST + 1), "queries": PAIRS, "sources": PAIRS * REST,
    }  # fmt: skip


def test_several_nodes_begin_after_the_attention_of_the_first(engine):
    """Up to there nothing has changed; and the last layer is computed at END alone, edited or not."""
    both = denoise(Node(1, "head", 0), Node(1, "neuron", 3))
    expected = {"mlp": 2 * PAIRS * (REST + 1), "queries": 2 * PAIRS, "sources": 2 * PAIRS * REST}
    assert counted(engine, both, both) == expected
    assert counted(engine, *[denoise(*both.nodes, Node(2, "head", 1))] * 2) == expected
    assert counted(engine, denoise(Node(2, "head", 0), Node(2, "head", 1))) == {"mlp": PAIRS}


def test_several_nodes_with_a_query_begin_with_the_attention(engine):
    assert counted(engine, denoise(Node(1, "q", 0), Node(1, "neuron", 3))) == {
        "mlp": PAIRS * (REST + 1), "queries": PAIRS * (REST + 1), "sources": PAIRS * 2 * REST,
    }  # fmt: skip


def test_the_unpatched_runs_are_stored(engine):
    engine.scores([denoise(Node(0, "head", 0))])
    layer = engine.passes["corrupt"][0]
    engine.scores([noise(Node(0, "head", 1)), denoise(Node(1, "mlp"), at="X")])
    assert engine.passes["corrupt"][0] is layer
    assert "whole" not in vars(engine.passes["clean"][LAYERS - 1])  # of the last layer only END was needed


def test_the_corrupt_run_shares_the_prefix(engine):
    clean, corrupt = engine.passes["clean"][1], engine.passes["corrupt"][1]
    torch.testing.assert_close(clean.keys[:, :DIFFERS], corrupt.keys[:, :DIFFERS], atol=0, rtol=0)
    assert (clean.keys[:, DIFFERS:] - corrupt.keys[:, DIFFERS:]).abs().min() > 0
