"""Single neurons: where they are active, and what their output weights promote."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import NeuronActivations
from mi_checks.engine.nodes import Node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.residual_stream import read_norm
from tests.engine.cases import ARCHITECTURES, native, prompts

NEURON = Node(1, "neuron", 7)
WITH_MLPS = sorted(name for name, about in ARCHITECTURES.items() if "attn_only" not in about and name != "one layer")


@pytest.mark.parametrize("architecture", WITH_MLPS)
def test_activations_are_those_of_the_bare_prompt(architecture):
    """They are in the order of the prompt's tokens, whatever the padding, and 0 after the last."""
    loaded_model, batch = native(architecture), prompts(count=4, seed=5)
    reference = ReferenceEngine(loaded_model, batch).measure(NeuronActivations(NEURON))
    measured = choose_engine("auto", loaded_model, batch)
    left = ReplayEngine(loaded_model, batch, measured.model, padding="left").measure(NeuronActivations(NEURON))
    for index, pair in enumerate(batch.pairs):
        tokens = torch.tensor([pair.clean.tokens])
        with torch.no_grad():
            _, cache = loaded_model.bridge.run_with_cache(tokens, names_filter=NEURON.hook)
        alone = cache[NEURON.hook][0, :, NEURON.index].numpy()
        for found in (reference, measured.measure(NeuronActivations(NEURON)), left):
            np.testing.assert_allclose(found[index, : len(alone)], alone, atol=1e-4)
            assert not found[index, len(alone) :].any()


@pytest.mark.parametrize("architecture", WITH_MLPS)
def test_promoted_tokens_are_the_model_s_readout_of_the_output_vector(architecture):
    """They go through the bridge's own norm, with its scale frozen, and unembedding: the same up to that scale."""
    loaded_model = native(architecture)
    measured, bridge = choose_engine("replay", loaded_model, prompts(count=2, seed=5)), loaded_model.bridge
    written = measured.model.w_out(1)[NEURON.index][None, None]
    whole = torch.randn(written.shape, generator=torch.Generator().manual_seed(0))
    norm = read_norm(bridge.ln_final, written.shape[-1])
    with torch.no_grad():
        logits = (written if norm is None else norm.linear_part(whole, written))[0, 0] @ bridge.unembed.W_U
    expected = (logits - logits.mean()).numpy()
    order, found = np.argsort(-expected), measured.promoted_tokens(NEURON, 3)
    tokens = found[:, 0].astype(int)
    assert tokens.tolist() == [*order[:3], *order[-3:]]
    ratios = found[:, 1] / expected[tokens]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)
    assert ratios[0] > 0


def test_no_tokens_are_promoted_if_the_weights_are_unknown():
    assert choose_engine("reference", native("gelu"), prompts(count=2, seed=5)).promoted_tokens(NEURON, 3).shape == (
        0,
        2,
    )
