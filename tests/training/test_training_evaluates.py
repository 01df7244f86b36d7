"""Evaluation on synthetic text, and what is required of which shape."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from training.evaluate import (
    Evaluation,
    EvaluationData,
    RepeatLoss,
    TextLoss,
    evaluate_repeats,
    load_weights,
    text_loss,
    windows,
)
from training.model import SHAPES, NanoModel
from training.train import save_weights

GOOD = TextLoss(model=2.0, own_bigram=3.0, bigram=3.1, unigram=5.0)
WITH = RepeatLoss(first_copy=8.0, second_copy=4.0, shuffled_copy=9.0)
WITHOUT = RepeatLoss(first_copy=8.0, second_copy=4.1, shuffled_copy=4.1)


def silent(shape_name: str) -> NanoModel:
    """A model whose logits are all zero."""
    nano = NanoModel(SHAPES[shape_name]).eval()
    with torch.no_grad():
        nano.head.weight.zero_()
    return nano


def test_windows_start_with_token_0_and_lie_at_fixed_places() -> None:
    text = np.arange(1, 1001, dtype=np.uint16)
    rows = windows(text, n_ctx=10, count=4)
    assert rows.shape == (4, 11)
    assert (rows[:, 0] == 0).all()
    assert rows[0, 1] == 1
    assert rows[-1, -1] == 1000
    assert (np.diff(rows[:, 1:], axis=1) == 1).all()


def test_a_model_that_knows_nothing_costs_the_log_of_the_vocabulary(tiny_shapes: None, data: Path) -> None:
    nano = silent("nano-gelu-1l")
    uniform = math.log(nano.shape.d_vocab)
    rows = windows(np.load(data / "code-held_out.npy"), nano.shape.n_ctx, count=40)
    assert text_loss(nano, rows) == pytest.approx(uniform, rel=1e-5)
    found = evaluate_repeats(nano, size=4, length=20)
    assert (found.first_copy, found.second_copy, found.shuffled_copy) == pytest.approx((uniform,) * 3, rel=1e-5)


def test_weights_come_back_from_float16(tiny_shapes: None, tmp_path: Path) -> None:
    nano = NanoModel(SHAPES["nano-gelu-1l"])
    save_weights(nano, tmp_path / "w.safetensors")
    back = load_weights(tmp_path / "w.safetensors", nano.shape)
    for name, tensor in nano.state_dict().items():
        assert back.state_dict()[name].dtype == torch.float32
        assert torch.equal(back.state_dict()[name], tensor.half().float()), name


def test_bench_has_the_own_bigram_below_the_pooled_one(data: Path) -> None:
    """Code counts up and prose down, so knowing the kind of text is worth much."""
    bench = EvaluationData.of(data, n_ctx=128, d_vocab=64)
    for kind in ("code", "prose"):
        pooled, own = bench.bigram.losses(bench.rows[kind])[1], bench.own_bigram[kind].losses(bench.rows[kind])[1]
        assert own < pooled < bench.bigram.losses(bench.rows[kind])[0]


@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-2l", "nano-solu-4l"])
def test_two_layers_need_induction(model: str) -> None:
    assert Evaluation(GOOD, GOOD, WITH).failures(SHAPES[model]) == ()
    (failure,) = Evaluation(GOOD, GOOD, WITHOUT).failures(SHAPES[model])
    assert failure.startswith("no induction: 4.100 nats on a second copy, 8.000 on the first")


def test_one_layer_of_attention_must_not_have_it() -> None:
    assert Evaluation(GOOD, GOOD, WITHOUT).failures(SHAPES["nano-attn-1l"]) == ()
    (failure,) = Evaluation(GOOD, GOOD, WITH).failures(SHAPES["nano-attn-1l"])
    assert failure.startswith("induction in one attention layer, where it must not occur")


def test_of_one_layer_with_an_mlp_neither_is_asked() -> None:
    for copies in (WITH, WITHOUT):
        assert Evaluation(GOOD, GOOD, copies).failures(SHAPES["nano-gelu-1l"]) == ()


@pytest.mark.parametrize("bad", [TextLoss(3.0, 3.0, 3.5, 5.0), TextLoss(3.2, 3.3, 3.1, 5.0)])
def test_both_bigrams_must_be_beaten(bad: TextLoss) -> None:
    found = Evaluation(GOOD, bad, WITH)
    assert not found.beats_bigram
    (failure,) = found.failures(SHAPES["nano-attn-2l"])
    assert failure.startswith("held-out prose: ")
