"""Every family of the zoo, every quantity: equal to plain hooks in float64, or refused for the reason in the table."""

import re
from itertools import cycle

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from tests.zoo.configurations import ZOO, original
from tests.zoo.oracle import Oracle
from tests.zoo.quantities import QUANTITIES

# Of the largest effect. float32 keeps about 1e-7 of a logit's size, and logits are up to thirty times the effects here,
# in three layers of sums; what is wrong rather than rounded is off by a hundredth and more.
TOLERANCE = 1e-4
LOADED = [name for name, one in ZOO.items() if "load" not in one.refused]
REFUSED = [name for name in ZOO if name not in LOADED]


def check(specimen, quantity):
    """Right on every engine, or refused by all of them as the table says."""
    assert specimen.refusal is None
    reason = specimen.configuration.refused.get(quantity)
    for name, outcome in specimen.outcomes(quantity).items():
        if reason is not None:
            assert outcome.refusal is not None, f"{name}: not refused; off by {outcome.error}"
            assert re.search(reason, outcome.refusal)
            continue
        assert outcome.refusal is None
        assert outcome.undefined is None
        assert outcome.error < TOLERANCE, name
        assert outcome.effect > 1e-3  # it moved something


@pytest.mark.parametrize(("name", "quantity"), [(name, quantity) for name in LOADED for quantity in QUANTITIES])
def test_quantity(name, quantity, zoo):
    check(zoo(name), quantity)


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_cannot_be_loaded_is_refused_with_the_reason(name, zoo):
    refusal = zoo(name).refusal
    assert refusal is not None
    assert re.search(ZOO[name].refused["load"], refusal)
    assert "\n" not in refusal


@pytest.mark.parametrize("name", LOADED)
def test_the_shape_is_that_of_the_weights(name, zoo):
    specimen = zoo(name)
    assert specimen.refusal is None
    sizes, shape = specimen.comparison.sizes, specimen.loaded_model.shape
    assert (shape.n_layers, shape.n_heads, shape.n_kv_heads) == (3, sizes.heads, sizes.keys)
    if specimen.comparison.neurons:
        assert shape.d_mlp == sizes.neurons


@pytest.mark.parametrize("name", ["gemma2", "gemma2-uncapped", "gemma3", "olmo2", "olmo3", "granite", "cohere"])
def test_case_01_norms_and_scales_between_a_node_and_the_residual_stream(name, zoo):
    for quantity in ("paths", "hops", "attribution"):
        check(zoo(name), quantity)


@pytest.mark.parametrize("name", ["gpt2-unscaled", "gpt2-by-layer", "gpt-bigcode-unscaled"])
def test_case_02_a_bridge_that_is_not_the_model_is_refused(name, zoo):
    """Right logits or none: whatever TransformerLens forgets of a config, nothing is measured on another model."""
    specimen = zoo(name)
    if specimen.refusal is None:
        assert all(outcome.error < TOLERANCE for outcome in specimen.outcomes("logits").values())
        assert "load" not in specimen.configuration.refused
    else:
        assert re.search(specimen.configuration.refused["load"], specimen.refusal)


@pytest.mark.parametrize("name", ["opt", "gptj", "gpt-neo", "falcon-alibi", "gpt2", "llama", "bloom"])
def test_case_03_no_edit_is_thrown_away(name, zoo):
    """An edit of a pattern does what it does in the model, or is refused; alone and beside another node."""
    specimen = zoo(name)
    check(specimen, "pattern")
    both = denoise(Node(0, "head", 0), Node(1, "pattern", 0))
    for engine in specimen.engines.values():
        if "pattern" in specimen.configuration.refused:
            with pytest.raises(MiChecksError, match=r"pattern"):
                engine.scores([both])
            continue
        found = engine.scores([both])[0]
        assert np.abs(found - specimen.oracle.measure(both)).max() < TOLERANCE * specimen.comparison.scale


@pytest.mark.parametrize("name", ["mixtral", "qwen2-moe", "qwen3-moe", "gpt-oss"])
def test_case_04_neurons_of_a_mixture_of_experts_are_refused(name, zoo):
    specimen = zoo(name)
    check(specimen, "neurons")
    for engine in specimen.engines.values():
        for neuron in (Node(1, "neuron", 3), Node(1, "neuron", 60)):  # within d_model, and beyond it
            for intervention in (denoise(neuron), noise(neuron, into=(LOGITS,))):
                with pytest.raises(MiChecksError, match=r"expert"):
                    engine.scores([intervention])
            with pytest.raises(MiChecksError, match=r"expert"):
                engine.measure(DirectEffects((neuron,)))


@pytest.mark.parametrize("name", ["opt-narrow-mlp", "falcon-mqa"])
def test_case_04_as_many_neurons_as_the_weights_have(name, zoo):
    specimen = zoo(name)
    assert specimen.loaded_model.shape.d_mlp == specimen.comparison.sizes.neurons == 80
    check(specimen, "neurons")


def test_case_05_a_stream_that_is_no_sum(zoo):
    """BLOOM with `apply_residual_connection_post_layernorm`: nodes are patched, what needs a sum is refused."""
    for quantity in QUANTITIES:
        check(zoo("bloom-post-norm"), quantity)


@pytest.mark.parametrize("name", LOADED)
def test_case_06_padding_on_the_left(name, zoo):
    specimen = zoo(name)
    chosen = [
        one
        for quantity, some in specimen.comparison.interventions.items()
        if quantity not in specimen.configuration.refused
        for one in some[4::12]
    ]
    for engine, left in specimen.on(specimen.batch, padding="left").items():
        difference = left.scores(chosen) - specimen.engines[engine].scores(chosen)
        assert np.abs(difference).max() < TOLERANCE * specimen.comparison.scale


HALF = {"float16": 1e-2, "bfloat16": 1e-1}  # what may be off, by the largest logit


@pytest.mark.parametrize(("name", "dtype"), list(zip(LOADED, cycle(HALF), strict=False)))
def test_case_06_half_precision(name, dtype, zoo):
    """As far off as the type rounds, from the oracle with the same rounded weights; each family in one of the types."""
    specimen = zoo(name)
    loaded_model = load(str(specimen.folder), device="cpu", dtype=dtype)
    oracle = Oracle(original(specimen.configuration, specimen.folder, getattr(torch, dtype)), specimen.batch)
    engine = choose_engine("auto", loaded_model, specimen.batch)
    scale = float(oracle.runs["clean"].logits.abs().max())
    assert np.abs(engine.unpatched.clean.logit_diff - oracle.base("clean")).max() < HALF[dtype] * scale
    if "z" not in specimen.configuration.refused:
        patch = denoise(Node(0, "head", 1), Node(1, "head", 0))
        assert np.abs(engine.scores([patch])[0] - oracle.measure(patch)).max() < HALF[dtype] * scale
