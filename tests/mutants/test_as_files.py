"""A model mutated in memory is the model whose file was edited alike."""

import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes, parse_node
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.models.load_model import load
from mi_checks.models.model_names import NANO_FOLDER
from mi_checks.mutants.node_mutations import ExchangedHeads, NegatedLogits, NegatedNodes, UniformHeads, ZeroedNodes
from mi_checks.prompts.build_prompts import build_prompts
from tests.engine.conftest import INDUCTION

ONE, OTHER = parse_node("L1H1"), parse_node("L1H4")


def head(index):
    return slice(index * 32, (index + 1) * 32)


def zeroed(weights):
    weights["layers.1.attn.o.weight"][:, head(1)] = 0


def exchanged(weights):
    order = torch.arange(192)
    order[head(1)], order[head(4)] = order[head(4)].clone(), order[head(1)].clone()
    for name in ("q", "k", "v"):
        for part in ("weight", "bias"):
            weights[f"layers.1.attn.{name}.{part}"] = weights[f"layers.1.attn.{name}.{part}"][order]
    weights["layers.1.attn.o.weight"] = weights["layers.1.attn.o.weight"][:, order].contiguous()


def blinded(weights):
    for part in ("weight", "bias"):
        weights[f"layers.1.attn.q.{part}"][head(1)] = 0


def logits_turned(weights):
    weights["head.weight"] = -weights["head.weight"]


def turned(weights):
    weights["layers.0.mlp.fc_out.weight"][:, :200] *= -1


@pytest.mark.parametrize(
    ("model", "mutation", "edit"),
    [
        ("nano-attn-2l", ZeroedNodes((ONE,)), zeroed),
        ("nano-attn-2l", ExchangedHeads(((ONE, OTHER),)), exchanged),
        ("nano-attn-2l", UniformHeads((ONE,)), blinded),
        ("nano-attn-2l", NegatedLogits(), logits_turned),
        ("nano-gelu-2l", NegatedNodes(tuple(parse_node(f"L0N{i}") for i in range(200))), turned),
    ],
    ids=["zeroed", "exchanged", "blinded", "logits turned", "neurons turned"],
)
def test_the_same_edit_of_the_file(tmp_path, model, mutation, edit):
    torch.set_num_threads(1)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(NANO_FOLDER / model / file, tmp_path / file)
    weights = load_file(tmp_path / "model.safetensors")
    edit(weights)
    save_file(weights, tmp_path / "model.safetensors")
    loaded_model, written = load(model, device="cpu"), load(f"{model}={tmp_path}", device="cpu")
    batch = build_prompts(INDUCTION, loaded_model.tokenization, behaviour="test", n_ctx=loaded_model.n_ctx)
    engine = ReplayEngine(loaded_model, batch, replayable_model(loaded_model))
    other = engine.with_weights(mutation.apply(engine.model), mutation.first_changed_layer(engine.model))
    expected = choose_engine("reference", written, batch)
    heads = [denoise(node) for node in all_nodes("head", loaded_model.shape)]
    assert np.allclose(other.scores(heads), expected.scores(heads), atol=1e-4)
    assert np.allclose(other.unpatched.clean.logit_diff, expected.unpatched.clean.logit_diff, atol=1e-4)
    assert np.abs(engine.scores(heads) - expected.scores(heads)).max() > 0.01
