"""Measurements ↔ arrays, and names that tell measurements apart."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mi_checks.cache.entry import Entry, entry_of
from mi_checks.engine.clean_run_quantities import Attended
from mi_checks.engine.intervention_quantities import Changes, intervention_name
from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.engine.readout import BaseRun, SideRun

floats = arrays(np.float64, 3, elements=st.floats(allow_nan=False, allow_infinity=False))
bools = arrays(np.bool_, 3)
ids = arrays(np.int64, (3, 2), elements=st.integers(0, 10**6))
probabilities = arrays(np.float64, (3, 2), elements=st.floats(0, 1))
sides = st.builds(SideRun, floats, bools, bools, ids, probabilities)
entries = st.builds(
    Entry, st.sampled_from(["replay", "reference"]), st.none() | st.builds(BaseRun, sides, sides),
    st.dictionaries(st.text(max_size=9), floats, max_size=3),
)  # fmt: skip


@given(entries)
def test_an_entry_is_read_as_it_was_written(entry):
    found = entry_of(entry.arrays())
    assert found.engine == entry.engine
    assert found.values.keys() == entry.values.keys()
    for name, values in entry.values.items():
        assert found.values[name].dtype == np.float64
        np.testing.assert_array_equal(found.values[name], values)
    assert (found.base is None) == (entry.base is None)
    if entry.base is not None:
        for side in ("clean", "corrupt"):
            was, now = getattr(entry.base, side), getattr(found.base, side)
            for part in fields(SideRun):
                assert getattr(now, part.name).dtype == getattr(was, part.name).dtype
                np.testing.assert_array_equal(getattr(now, part.name), getattr(was, part.name))


def test_float32_is_kept_in_half_the_size():
    values = np.float64(np.float32([0.1, 0.2, 0.3]))
    assert Entry("replay", None, {"a": values}).arrays()["values"].dtype == np.float32
    assert Entry("replay", None, {"a": values + 1e-12}).arrays()["values"].dtype == np.float64


@pytest.mark.parametrize("missing", ["about", "values", "clean.top_tokens", "corrupt.logit_diff"])
def test_what_is_no_entry_is_read_as_an_empty_one(missing):
    side = SideRun(np.ones(2), np.ones(2, bool), np.ones(2, bool), np.ones((2, 1), int), np.ones((2, 1)), np.ones(2))
    written = Entry("replay", BaseRun(side, side), {"a": np.ones(2)}).arrays()
    assert entry_of(written) != Entry()
    del written[missing]
    assert entry_of(written) == Entry()


def test_every_measurement_has_its_own_name():
    head, other = Node(0, "head", 1), Node(0, "head", 2)
    receiver = Node(1, "k", 1)
    different = [
        denoise(head), denoise(other), denoise(head, other), noise(head), denoise(head, at="A"), denoise(head, at="B"),
        denoise(head, at=1), denoise(head, at="1"), ablate(head, kind="zero"), ablate(head, kind="mean"),
        denoise(head, into=(receiver,)), denoise(head, into=(LOGITS,)),
    ]  # fmt: skip
    names = [intervention_name(each) for each in different]
    other = Node(0, "head", 2)
    looks = (Attended(head, "A", "B"), Attended(head, "B", "A"), Attended(other, "A", "B"))
    names += [name for each in looks for name in each.names()]
    names += [name for each in different for name in Changes(each).names()]
    assert len(set(names)) == len(names)
    assert intervention_name(denoise(head, at="A")) == intervention_name(denoise(Node(0, "head", 1), at="A"))
