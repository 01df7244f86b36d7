"""Every family of the zoo, every quantity: equal to plain hooks in float64, or refused for the reason in the table."""

import re

import pytest

from tests.zoo.configurations import ZOO
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
    for name, engine in specimen.engines.items():
        outcome = specimen.comparison.outcome(quantity, engine)
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
    sizes, shape = specimen.comparison.sizes, specimen.subject.shape
    assert (shape.n_layers, shape.n_heads, shape.n_kv_heads) == (3, sizes.heads, sizes.keys)
    if specimen.comparison.neurons:
        assert shape.d_mlp == sizes.neurons
