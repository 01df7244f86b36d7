"""What must hold in every family without any oracle, and random interventions beside the oracle."""

import re

import numpy as np
import pytest

from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.errors import MiChecksError
from tests.zoo.configurations import ZOO
from tests.zoo.drawing import drawn
from tests.zoo.oracle import Oracle
from tests.zoo.prompts import prompts
from tests.zoo.quantities import N_LAYERS

TOLERANCE = 1e-4  # of the largest effect; see test_zoo.py
LOADED = [name for name, one in ZOO.items() if "load" not in one.refused]


def refused(specimen, *quantities):
    """The reason by which the table refuses the first of these that it refuses, or None."""
    return next(
        (specimen.configuration.refused[one] for one in quantities if one in specimen.configuration.refused), None
    )


def check(specimen, measure, *quantities):
    """The measurement differs by rounding from what it must be, on every engine, or is refused as the table says."""
    assert specimen.refusal is None
    for engine in specimen.engines.values():
        reason = refused(specimen, *quantities)
        if reason is not None:
            with pytest.raises(MiChecksError) as error:
                measure(engine)
            assert re.search(reason, str(error.value))
            continue
        found, expected, scale = measure(engine)
        assert np.abs(found - expected).max() < TOLERANCE * scale
        assert np.abs(expected).max() > 1e-3 * scale


@pytest.mark.parametrize("name", LOADED)
def test_heads_together_are_their_attention_layer(name, zoo):
    specimen = zoo(name)

    def patched(engine):
        pairs = []
        for layer in range(N_LAYERS):
            heads = [Node(layer, "head", index) for index in range(specimen.comparison.sizes.heads)]
            pairs += [denoise(*heads), denoise(Node(layer, "attn"))]
        found = engine.scores(pairs)
        return found[::2], found[1::2], specimen.comparison.scale

    check(specimen, patched, "z")


@pytest.mark.parametrize("name", LOADED)
def test_neurons_together_are_their_mlp(name, zoo):
    specimen = zoo(name)

    def patched(engine):
        pairs = []
        for layer in range(N_LAYERS):
            neurons = [Node(layer, "neuron", index) for index in range(specimen.comparison.sizes.neurons or 3)]
            pairs += [noise(*neurons), noise(Node(layer, "mlp"))]
        found = engine.scores(pairs)
        return found[::2], found[1::2], specimen.comparison.scale

    check(specimen, patched, "neurons")


@pytest.mark.parametrize("name", LOADED)
@pytest.mark.parametrize(("component", "sublayer"), [("head", "attn"), ("neuron", "mlp")])
def test_what_parts_write_directly_adds_up_to_what_their_layer_writes(name, component, sublayer, zoo):
    specimen = zoo(name)
    sizes = specimen.comparison.sizes
    count = sizes.heads if component == "head" else sizes.neurons or 3

    def summed(engine):
        found, whole = [], []
        for layer in range(N_LAYERS):
            nodes = [Node(layer, component, index) for index in range(count)]
            found.append(
                engine.measure(DirectEffects(tuple(nodes))).sum(0) + specimen.oracle.bias_of(nodes[0])
            )  # which is no part's
            whole.append(engine.measure(DirectEffects((Node(layer, sublayer),)))[0])
        return np.array(found), np.array(whole), np.abs(specimen.oracle.base("clean")).max()

    check(specimen, summed, "attribution", *(("neurons",) if component == "neuron" else ()))


@pytest.mark.parametrize("name", LOADED)
def test_embedding_and_layers_are_the_logit_difference(name, zoo):
    specimen = zoo(name)
    nodes = [Node(0, "resid_pre"), *(Node(layer, kind) for layer in range(N_LAYERS) for kind in ("attn", "mlp"))]

    def summed(engine):
        base = engine.unpatched.clean.logit_diff
        return engine.measure(DirectEffects(tuple(nodes))).sum(0) + specimen.oracle.biases(), base, np.abs(base).max()

    heads_alone = specimen.configuration.refused.keys() >= {"z", "attribution"}  # are why attribution is refused
    check(specimen, summed, *(() if heads_alone else ("attribution",)))


@pytest.mark.parametrize("name", LOADED)
def test_the_one_hop_paths_out_of_a_node_together_are_denoising_it(name, zoo):
    specimen = zoo(name)
    sizes, parallel = specimen.comparison.sizes, specimen.oracle.layers[0].parallel

    def into(layer, *, mlp):
        """Everything that reads what is written in this layer."""
        found = [Node(index, "mlp") for index in range(layer if mlp else layer + 1, N_LAYERS)]
        for later in range(layer + 1, N_LAYERS):
            counts = (("q", sizes.heads), ("k", sizes.keys), ("v", sizes.keys))
            found += [Node(later, kind, index) for kind, count in counts for index in range(count)]
        return (*found, LOGITS)

    def patched(engine):
        senders = [Node(0, "head", 0), Node(1, "attn"), Node(1, "mlp")]
        pairs = []
        for sender in senders:
            read_here = sender.kind != "mlp" and not parallel
            pairs += [denoise(sender), denoise(sender, into=into(sender.layer, mlp=read_here))]
        found = engine.scores(pairs)
        return found[1::2], found[::2], specimen.comparison.scale

    check(specimen, patched, "paths")


@pytest.mark.parametrize("name", LOADED)
def test_attention_adds_up_to_one(name, zoo):
    """But for what GPT-OSS leaves to its sinks."""
    specimen = zoo(name)
    assert specimen.refusal is None
    for engine in specimen.engines.values():
        for layer in range(N_LAYERS):
            for index in range(specimen.comparison.sizes.heads):
                node = Node(layer, "head", index)
                if "attention" in specimen.configuration.refused:
                    with pytest.raises(MiChecksError, match=specimen.configuration.refused["attention"]):
                        engine.attention_by_position(node)
                    continue
                sums = engine.attention_by_position(node).sum(-1)[specimen.oracle.places(None)]
                if name == "gpt-oss":
                    assert 0 < float(sums.min()) < 0.99
                    assert float(sums.max()) < 1 + 1e-5
                else:
                    assert float((sums - 1).abs().max()) < 1e-5


@pytest.mark.parametrize("name", LOADED)
def test_random_interventions(name, zoo):
    """On other prompts, several nodes of several kinds at once; every family draws its own."""
    specimen = zoo(name)
    assert specimen.refusal is None
    batch = prompts(count=3, seed=len(name))
    what = drawn(specimen, seed=LOADED.index(name), count=6)
    oracle = Oracle(specimen.oracle.model, batch)
    expected = np.stack([oracle.measure(one) for one in what])
    for engine in specimen.on(batch).values():
        assert np.abs(engine.scores(what) - expected).max() < TOLERANCE * specimen.comparison.scale


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3", "granite", "bloom"])
def test_the_order_in_which_nodes_are_named_does_not_matter(name, zoo):
    """Each edit is made when the run reaches its node, on top of the edits that were made before."""
    specimen = zoo(name)
    names = [("resid_pre", "resid_mid"), ("attn", "resid_mid"), ("resid_mid", "mlp"), ("v", "pattern"), ("v", "head")]
    pairs = [[Node(1, kind, 1 if kind in ("v", "pattern", "head") else None) for kind in pair] for pair in names]
    what = [denoise(*order, at="Y") for pair in pairs for order in (pair, pair[::-1])]
    expected = np.stack([specimen.oracle.measure(one) for one in what])
    np.testing.assert_allclose(expected[::2], expected[1::2], atol=1e-9)
    for engine in specimen.engines.values():
        assert np.abs(engine.scores(what) - expected).max() < TOLERANCE * specimen.comparison.scale
