"""The oracle itself: what it takes for parts of a model add up to the model, without any engine."""

import numpy as np
import pytest
import torch

from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import LOGITS, Node
from tests.zoo.configurations import ZOO
from tests.zoo.patches import values
from tests.zoo.run import Undefined, adds

N_LAYERS = 3


def close(found, expected, limit=1e-6):  # transformers' softmax is in float32
    return float((found - expected).abs().max()) <= limit * float(expected.abs().max())


@pytest.mark.parametrize("name", ZOO)
def test_parts_of_a_run_are_the_run(name, zoo):
    oracle = zoo(name).oracle
    run, real = oracle.runs["clean"], oracle.places(None)
    for index, layer in enumerate(oracle.layers):
        pattern, v = (run.activation(Node(index, kind, 0)) for kind in ("pattern", "v"))
        z = run.activation(Node(index, "head", 0))
        mixed = torch.einsum("rhds,rshv->rdhv", pattern, values(layer, v))
        assert close(mixed[real], z[real])
        assert close(adds(layer, "head", z), run.added(index, "attn"))
        if layer.down is not None:
            neurons = run.activation(Node(index, "neuron", 0))
            assert close(adds(layer, "neuron", neurons), run.added(index, "mlp"))
        if layer.additive:
            after = run.stream(index) + run.added(index, "attn") + run.added(index, "mlp")
            assert close(after, run.activation(Node(index, "resid_post")))
            assert close(run.activation(Node(index, "resid_post")), run.stream(index + 1))


@pytest.mark.parametrize("name", ZOO)
def test_embedding_layers_and_biases_are_the_logit_difference(name, zoo):
    oracle = zoo(name).oracle
    nodes = [Node(0, "resid_pre"), *(Node(index, kind) for index in range(N_LAYERS) for kind in ("attn", "mlp"))]
    if name in ("gemma2", "opt-post-norm", "bloom-post-norm"):
        with pytest.raises(Undefined, match=r"^the logits are capped$|^the residual stream is no sum"):
            oracle.direct(nodes[0])
        return
    parts = sum(oracle.direct(node) for node in nodes)
    np.testing.assert_allclose(parts + oracle.biases(), oracle.base("clean"), atol=1e-5)


@pytest.mark.parametrize("name", ZOO)
def test_all_one_hop_paths_together_are_denoising(name, zoo):
    specimen = zoo(name)
    oracle, sizes, head = specimen.oracle, specimen.comparison.sizes, Node(0, "head", 1)
    parallel, latent = oracle.layers[0].parallel, not len(oracle.layers[0].k.index)
    into = [Node(layer, "mlp") for layer in range(1 if parallel else 0, N_LAYERS)] + [LOGITS]
    for layer in range(1, N_LAYERS):
        counts = (("q", sizes.heads), ("k", sizes.keys), ("v", sizes.keys))
        into += [Node(layer, kind, index) for kind, count in counts for index in range(count)]
    if latent or not all(layer.additive for layer in oracle.layers):
        with pytest.raises(Undefined):
            oracle.measure(denoise(head, into=tuple(into)))
        return
    expected = oracle.measure(denoise(head))
    np.testing.assert_allclose(oracle.measure(denoise(head, into=tuple(into))), expected, atol=1e-6)
    assert np.abs(expected - oracle.base("corrupt")).max() > 1e-3
