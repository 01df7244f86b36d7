"""Measurements of an earlier run come from the cache, bit by bit, and no engine is created for them."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mi_checks.cache import cached_engine
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine, CacheEntry, entry_from_arrays
from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import (
    AttentionBetweenLabels,
    AttentionPattern,
    NeuronActivations,
    PromotedTokens,
)
from mi_checks.engine.composition import InputFraction
from mi_checks.engine.direct_attribution import DirectEffects, DirectEffectsBySource
from mi_checks.engine.intervention_quantities import (
    EdgeScores,
    InterventionChanges,
    InterventionScores,
    intervention_name,
)
from mi_checks.engine.interventions import EdgeCircuit, ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.stats import intervals
from mi_checks.stats.sampling import SamplingDesign
from tests.engine.cases import native, prompts

HEAD = Node(1, "head", 2)
REQUESTED = 1 + 8 + 1 + 2 + 1 + 1 + 1 + 1 + 1 + 2 + 2 + 1 + 1 + 1  # as `everything` does, one by one
floats = arrays(np.float64, 3, elements=st.floats(allow_nan=False, allow_infinity=False))
bools = arrays(np.bool_, 3)
ids = arrays(np.int64, (3, 2), elements=st.integers(0, 10**6))
probabilities = arrays(np.float64, (3, 2), elements=st.floats(0, 1))
sides = st.builds(SideRun, floats, bools, bools, ids, probabilities)
entries = st.builds(
    CacheEntry, st.sampled_from(["replay", "reference"]), st.none() | st.builds(UnpatchedRuns, sides, sides),
    st.dictionaries(st.text(max_size=9), floats, max_size=3),
)  # fmt: skip


@pytest.fixture
def store(tmp_path):
    return CacheStore(tmp_path)


@pytest.fixture(scope="module")
def make():
    loaded_model, batch = native("gelu"), prompts(count=9, seed=4)
    return lambda: choose_engine("auto", loaded_model, batch)


def unwanted():
    raise AssertionError("an engine was created")


def everything(measuring):
    sweep = [denoise(node) for node in all_nodes("head", native("gelu").shape)]
    return (
        measuring.unpatched,
        measuring.measure(InterventionScores(tuple(sweep))),
        measuring.measure(InterventionScores((ablate(HEAD, kind="mean"),))),
        measuring.measure(InterventionChanges(denoise(HEAD, at="X"))),
        measuring.measure(AttentionBetweenLabels(HEAD, "Y", "X"))[0],
        measuring.measure(AttentionPattern(HEAD, 1)),
        measuring.measure(DirectEffectsBySource(HEAD, 1)),
        measuring.measure(NeuronActivations(Node(1, "neuron", 3))),
        measuring.measure(PromotedTokens(Node(1, "neuron", 3), 2)),
        measuring.measure(
            EdgeScores(tuple([EdgeCircuit(((HEAD, LOGITS),), kind, mlps=True) for kind in ("zero", "mean")]))
        ),
        measuring.measure(DirectEffects((HEAD, Node(0, "mlp")))),
        measuring.measure(InputFraction(Node(0, "mlp"), Node(1, "q", 1), "X"))[0],
        measuring.measure(AttributionPatching("head")),
        measuring.measure(AttributionPatching("v", "X")),
    )


def test_a_cached_measurement_equals_the_measured_one(store, make):
    first = CachedEngine(make, store, "key")
    measured = everything(first)
    first.save()
    assert (first.requested, first.cached) == (REQUESTED, 0)
    second = CachedEngine(unwanted, store, "key")
    from_cache = everything(second)
    assert (second.requested, second.cached) == (REQUESTED, REQUESTED)
    assert second.name == first.name == "replay"
    for was, now, by_engine in zip(measured[1:], from_cache[1:], everything(make())[1:], strict=True):
        np.testing.assert_array_equal(now, was)
        np.testing.assert_array_equal(now, by_engine)
    for side in ("clean", "corrupt"):
        was, now = getattr(measured[0], side), getattr(from_cache[0], side)
        for part in fields(SideRun):
            np.testing.assert_array_equal(getattr(now, part.name), getattr(was, part.name))


def test_only_what_is_missing_is_measured(store, make):
    first = CachedEngine(make, store, "key")
    kept = first.measure(InterventionScores((denoise(HEAD),)))
    first.save()
    second = CachedEngine(make, store, "key")
    both = second.measure(InterventionScores((ablate(HEAD, kind="zero"), denoise(HEAD))))
    assert (second.requested, second.cached) == (2, 1)
    np.testing.assert_array_equal(both[1], kept[0])
    np.testing.assert_array_equal(both, make().scores([ablate(HEAD, kind="zero"), denoise(HEAD)]))


def test_another_key_knows_nothing(store, make):
    first = CachedEngine(make, store, "key")
    first.measure(InterventionScores((denoise(HEAD),)))
    first.save()
    second = CachedEngine(make, store, "another")
    second.measure(InterventionScores((denoise(HEAD),)))
    assert second.cached == 0


def test_what_two_processes_measured_is_kept_together(store, make):
    """As under `pytest -n 2`, where one behaviour's items may be on two workers."""
    one, other = CachedEngine(make, store, "key"), CachedEngine(make, store, "key")
    one.measure(InterventionScores((denoise(HEAD),)))
    assert other.unpatched is not None
    other.measure(InterventionScores((ablate(HEAD, kind="zero"),)))
    one.save()
    other.save()
    third = CachedEngine(unwanted, store, "key")
    third.measure(InterventionScores((denoise(HEAD), ablate(HEAD, kind="zero"))))
    assert third.unpatched is not None
    assert third.cached == third.requested == 3


def test_nothing_is_written_where_nothing_is_new(store, make):
    first = CachedEngine(make, store, "key")
    first.measure(InterventionScores((denoise(HEAD),)))
    first.save()
    (path,) = store.folder.iterdir()
    path.write_bytes(path.read_bytes() + b"a mark")
    second = CachedEngine(unwanted, store, "key")
    second.measure(InterventionScores((denoise(HEAD),)))
    second.save()
    assert path.read_bytes().endswith(b"a mark")


def test_intervals_are_cached_with_their_measurements(store, make, monkeypatch):
    first = CachedEngine(make, store, "key")
    effect_size = np.abs(first.unpatched.effect_size) + 1
    fractions = np.stack([0.5 * effect_size, 0.25 * effect_size + np.arange(len(effect_size))])

    def both_intervals(measuring):
        cache = measuring.intervals
        design = SamplingDesign(len(effect_size))
        return intervals.mean_interval(effect_size, "logits", design, cache=cache), intervals.ratio_intervals(
            fractions, effect_size, design, cache=cache
        )

    expected = both_intervals(first)
    first.add_intervals()
    first.save()
    second = CachedEngine(unwanted, store, "key")
    monkeypatch.setattr(intervals, "mean_ends", unwanted)
    monkeypatch.setattr(intervals, "ratio_ends", unwanted)
    assert both_intervals(second) == expected
    second.add_intervals()
    monkeypatch.undo()
    monkeypatch.setattr(store, "write", unwanted)
    second.save()  # nothing new


def test_intervals_by_other_code_are_not_reused(store, make, monkeypatch):
    first = CachedEngine(make, store, "key")
    values = np.arange(9.0)
    intervals.mean_interval(values, "logits", SamplingDesign(9), cache=first.intervals)
    assert len(first.intervals.ends) == 1
    first.add_intervals()
    first.save()
    monkeypatch.setattr(cached_engine, "INTERVAL_LIBRARIES", ("scipy",))
    assert CachedEngine(unwanted, store, "key").intervals.ends == {}


def test_intervals_alone_make_no_engine(store):
    measuring = CachedEngine(unwanted, store, "key")
    intervals.mean_interval(np.arange(9.0), "logits", SamplingDesign(9), cache=measuring.intervals)
    assert len(measuring.intervals.ends) == 1
    measuring.add_intervals()
    measuring.save()
    assert store.read("key") == {}


@given(entries)
def test_an_entry_is_read_as_it_was_written(entry):
    found = entry_from_arrays(entry.arrays())
    assert found.engine == entry.engine
    assert found.values.keys() == entry.values.keys()
    for name, values in entry.values.items():
        assert found.values[name].dtype == np.float64
        np.testing.assert_array_equal(found.values[name], values)
    assert (found.unpatched is None) == (entry.unpatched is None)
    if entry.unpatched is not None:
        for side in ("clean", "corrupt"):
            was, now = getattr(entry.unpatched, side), getattr(found.unpatched, side)
            for part in fields(SideRun):
                assert getattr(now, part.name).dtype == getattr(was, part.name).dtype
                np.testing.assert_array_equal(getattr(now, part.name), getattr(was, part.name))


def test_float32_is_stored_in_half_the_size():
    values = np.float64(np.float32([0.1, 0.2, 0.3]))
    assert CacheEntry("replay", None, {"a": values}).arrays()["values"].dtype == np.float32
    assert CacheEntry("replay", None, {"a": values + 1e-12}).arrays()["values"].dtype == np.float64


@pytest.mark.parametrize("missing", ["about", "values", "clean.top_tokens", "corrupt.logit_diff"])
def test_an_invalid_entry_is_read_as_an_empty_one(missing):
    side = SideRun(np.ones(2), np.ones(2, bool), np.ones(2, bool), np.ones((2, 1), int), np.ones((2, 1)), np.ones(2))
    written = CacheEntry("replay", UnpatchedRuns(side, side), {"a": np.ones(2)}).arrays()
    assert entry_from_arrays(written) != CacheEntry()
    del written[missing]
    assert entry_from_arrays(written) == CacheEntry()


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
    looks = (
        AttentionBetweenLabels(head, "A", "B"),
        AttentionBetweenLabels(head, "B", "A"),
        AttentionBetweenLabels(other, "A", "B"),
    )
    names += [name for each in looks for name in each.names()]
    names += [name for each in different for name in InterventionChanges(each).names()]
    assert len(set(names)) == len(names)
    assert intervention_name(denoise(head, at="A")) == intervention_name(denoise(Node(0, "head", 1), at="A"))
