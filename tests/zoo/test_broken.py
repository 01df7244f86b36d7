"""Bridges that are broken in one way each: what is wrong then is refused with the reason, and no number is wrong."""

import re

import pytest
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from tests.zoo.broken import BREAKS
from tests.zoo.specimen import Specimen

TOLERANCE = 1e-4  # of the largest effect; see test_zoo.py
CHEAP = ("logits", "attention", "resid_mid", "hops", "attribution")  # that are looked at whatever is broken


@pytest.fixture
def broken(zoo, monkeypatch):
    """Loads a model of the zoo whose bridge is broken as soon as it is made, before any guard sees it."""
    boot = TransformerBridge.boot_transformers

    def load(fault):
        whole = zoo(fault.model)

        def breaking(*args, **kwargs):
            bridge = boot(*args, **kwargs)
            fault.apply(bridge)
            return bridge

        monkeypatch.setattr(TransformerBridge, "boot_transformers", breaking)
        found = Specimen(whole.configuration, whole.folder)
        return ReferenceEngine(found.loaded_model, whole.batch), whole.comparison

    return load


@pytest.mark.parametrize("fault", BREAKS, ids=[fault.name for fault in BREAKS])
def test_each_guard_is_seen_to_fire(fault, broken):
    if fault.quantities == ("load",):
        with pytest.raises(MiChecksError) as error:
            broken(fault)[0].unpatched  # noqa: B018 (measured at the latest here)
        assert re.search(fault.reason, str(error.value))
        return
    engine, comparison = broken(fault)
    for quantity in {*fault.quantities, fault.still, *CHEAP} - {None}:
        outcome = comparison.outcome(quantity, engine)
        if quantity in fault.quantities:
            assert outcome.refusal is not None, f"{quantity}: not refused; off by {outcome.error}"
            assert re.search(fault.reason, outcome.refusal)
        if outcome.refusal is None:
            assert outcome.error < TOLERANCE, quantity
        if quantity == fault.still:
            assert outcome.refusal is None
