"""Direct logit attribution: both engines agree with each other and TransformerLens, and the parts add up."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformer_lens.tools.analysis.direct_logit_attribution import direct_logit_attribution

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.direct_attribution import DirectEffects, DirectEffectsBySource
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import PromptBatch
from tests.engine.cases import ARCHITECTURES, TOLERANCE, native, prompts

ENGINES = ("replay", "reference")
LINEAR = sorted(ARCHITECTURES.keys() - {"soft caps"})


def layers(shape):
    kinds = ("attn", "mlp") if shape.d_mlp else ("attn",)
    return [Node(layer, kind) for layer in range(shape.n_layers) for kind in kinds]


def close(found, expected):
    return np.abs(found - expected).max() < 3 * TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("mode", ["raw", "compatibility"])
@pytest.mark.parametrize("architecture", LINEAR)
def test_both_engines_agree(architecture, mode):
    loaded_model, batch = native(architecture, mode), prompts(count=5, seed=3)
    shape = loaded_model.shape
    nodes = [Node(0, "resid_pre"), *all_nodes("head", shape), *all_nodes("neuron", shape)[::5], *layers(shape)]
    expected = ReferenceEngine(loaded_model, batch).measure(DirectEffects(tuple(nodes)))
    assert close(choose_engine("replay", loaded_model, batch).measure(DirectEffects(tuple(nodes))), expected)
    assert np.median(np.abs(expected).max(1)) > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("architecture", LINEAR)
def test_embedding_layers_and_biases_add_up_to_the_logit_difference(architecture, engine):
    measured = choose_engine(engine, native(architecture), prompts(count=5, seed=3))
    weights, readout = measured.loaded_model.bridge.state_dict(), measured.readout
    nothing = torch.zeros(len(readout.answers), weights["unembed.weight"].shape[1])
    final = weights.get("ln_final.bias", nothing[0]).expand_as(nothing)
    biases = measured.score_logits(final @ weights["unembed.weight"].T + weights.get("unembed.bias", torch.zeros(())))
    written = measured.measure(DirectEffects((Node(0, "resid_pre"), *layers(measured.loaded_model.shape)))).sum(0)
    assert close(written + biases.numpy(), measured.unpatched.clean.logit_diff)


@pytest.mark.parametrize("engine", ENGINES)
def test_heads_and_neurons_add_up_to_their_layers_without_the_biases(engine):
    measured = choose_engine(engine, native("gelu"), prompts(count=5, seed=3))
    weights = measured.loaded_model.bridge.state_dict()
    for component, kind, out in (("head", "attn", "attn.o"), ("neuron", "mlp", "mlp.out")):
        parts = measured.measure(DirectEffects(tuple(all_nodes(component, measured.loaded_model.shape, (1,))))).sum(0)
        bias = (measured.score_direction() @ weights[f"blocks.1.{out}.bias"]).numpy()
        assert close(parts + bias, measured.measure(DirectEffects((Node(1, kind),)))[0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("architecture", ["attention only", "gelu", "folded norms"])
def test_equals_transformer_lens(architecture, engine):
    """TransformerLens has it in compatibility mode, at a position that all prompts share."""
    loaded_model, batch = native(architecture, "compatibility"), prompts(count=5, seed=3, ragged=False, foils=1)
    measured = choose_engine(engine, loaded_model, batch)
    with torch.no_grad():
        answers = {"answer_tokens": measured.readout.answers[:, 0], "incorrect_tokens": measured.readout.foils[:, 0]}
        theirs = {
            unit: direct_logit_attribution(loaded_model.bridge, measured.layouts["clean"].tokens, **answers, unit=unit)
            for unit in ("component", "head")
        }
    expected = {unit: dict(zip(one.labels, one.attribution.numpy(), strict=True)) for unit, one in theirs.items()}
    heads = all_nodes("head", loaded_model.shape)
    for node, found in zip(heads, measured.measure(DirectEffects(tuple(heads))), strict=True):
        assert close(found, expected["head"][str(node)])
    for node, found in zip(
        layers(loaded_model.shape), measured.measure(DirectEffects(tuple(layers(loaded_model.shape)))), strict=True
    ):
        assert close(found, expected["component"][f"{node.layer}_{node.kind}_out"])


def with_scores(**about):
    batch = prompts(count=3, seed=0)
    return PromptBatch(batch.pairs, **{"foil_reduction": "mean", **about})


WHY = "direct logit attribution needs a score that is linear in the logits, but"


@pytest.mark.parametrize(
    ("architecture", "about", "message"),
    [
        (
            "gelu",
            {"score": "log_probability"},
            f"gelu: {WHY} the score 'log_probability' is not linear in them; use 'score: first_token' or "
            "'first_difference'",
        ),
        (
            "gelu",
            {"foil_reduction": "max"},
            f"gelu: {WHY} the maximum over several foils is not linear in them; use 'foil_reduction: mean'",
        ),
        (
            "soft caps",
            {},
            f"soft caps: {WHY} this model caps its logits; measure paths into the logits instead",
        ),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_score_that_is_not_linear_is_an_error(architecture, about, message, engine):
    with pytest.raises(MiChecksError) as error:
        choose_engine(engine, native(architecture), with_scores(**about)).measure(DirectEffects((Node(0, "head", 0),)))
    assert str(error.value) == message


def test_the_maximum_of_one_answer_is_linear():
    batch = with_scores(answer_reduction="max")
    assert choose_engine("auto", native("gelu"), batch).measure(DirectEffects((Node(0, "head", 0),))).shape == (1, 3)


def test_a_query_has_no_direct_effect():
    with pytest.raises(ValueError, match=r"^L0H1.q does not write to the residual stream; name its head instead$"):
        choose_engine("auto", native("gelu"), prompts(count=2, seed=0)).measure(DirectEffects((Node(0, "q", 1),)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("by_labels", [False, True])  # padded on the right, and on the left
@pytest.mark.parametrize("architecture", LINEAR)
def test_effects_by_source_token_add_up_to_the_direct_effect(architecture, by_labels, engine):
    batch = replace(prompts(count=4, seed=3), by_labels=by_labels)
    measured = choose_engine(engine, native(architecture), batch)
    heads = all_nodes("head", measured.loaded_model.shape)
    for prompt, pair in enumerate(measured.batch.pairs):
        parts = [measured.measure(DirectEffectsBySource(head, prompt)) for head in heads]
        assert {len(part) for part in parts} == {len(pair.clean.tokens)}
        assert close(np.array([part.sum() for part in parts]), measured.measure(DirectEffects(tuple(heads)))[:, prompt])


def test_both_engines_agree_on_effects_by_source_token():
    loaded_model, batch = native("llama"), prompts(count=4, seed=3)
    replay, reference = (choose_engine(engine, loaded_model, batch) for engine in ENGINES)
    for head in all_nodes("head", loaded_model.shape):
        expected = reference.measure(DirectEffectsBySource(head, 1))
        assert close(replay.measure(DirectEffectsBySource(head, 1)), expected)
        assert np.abs(expected).max() > 1e-3


def test_effects_by_source_token_need_a_linear_score():
    with pytest.raises(
        MiChecksError,
        match=r"^soft caps: direct logit attribution needs a score that is linear in the logits, but this model caps",
    ):
        choose_engine("auto", native("soft caps"), prompts(count=2, seed=0)).measure(
            DirectEffectsBySource(Node(0, "head", 0), 0)
        )
