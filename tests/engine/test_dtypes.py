"""Half-precision weights: scores are computed in float32, and both engines agree within the weights' precision."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import ablate, denoise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from tests.engine.conftest import INDUCTION

# Of the largest logit difference: bfloat16 keeps 8 bits of a number, float16 11.
TOLERANCE = {"bfloat16": 0.1, "float16": 0.01}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-1l"])
def test_both_engines_agree(model, dtype):
    loaded_model = load(model, device="cpu", dtype=dtype)
    batch = build_prompts(INDUCTION, loaded_model.tokenization, behaviour="test", n_ctx=loaded_model.n_ctx)
    heads = all_nodes("head", loaded_model.shape)
    what = [denoise(node) for node in heads] + [ablate(heads[0], kind="mean"), denoise(heads[1], into=(LOGITS,))]
    what += [denoise(Node(0, "k", 1)), denoise(heads[0], heads[-1])]
    replay, reference = choose_engine("replay", loaded_model, batch), ReferenceEngine(loaded_model, batch)
    found, expected = replay.scores(what), reference.scores(what)
    assert np.abs(found - expected).max() < TOLERANCE[dtype] * np.abs(expected).max()
    assert replay.passes["clean"][0].keys.dtype == getattr(torch, dtype)


def test_logits_are_read_in_float32():
    """In bfloat16 logits near 16 come in steps of 1/8: differences of them would too."""
    loaded_model = load("nano-attn-2l", device="cpu", dtype="bfloat16")
    batch = build_prompts(INDUCTION, loaded_model.tokenization, behaviour="test", n_ctx=loaded_model.n_ctx)
    replay = choose_engine("replay", loaded_model, batch)
    steps = replay.scores([denoise(node) for node in all_nodes("head", loaded_model.shape)]) * 32
    assert np.abs(steps - steps.round()).max() > 0.1
    assert replay.unpatched_logits("clean").dtype == torch.float32
