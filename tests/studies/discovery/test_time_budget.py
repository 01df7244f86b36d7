"""Measurements are made in chunks, shown as they come, and kept for the next run, however a run ends."""

import numpy as np
import pytest

from mi_checks.cache.cache_store import CacheStore
from mi_checks.engine.intervention_quantities import InterventionScores
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import all_nodes
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.discovery.discovery import DiscoveryInterrupted, explore
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.draft_yaml import discovery_yaml
from mi_checks.studies.discovery.time_budget import CHUNK_S, MAX_CHUNK_SIZE, SAVE_EVERY_S, ChunkedEngine, TimeBudget

SHAPE = ModelShape(2, 100, None)
ALL = [denoise(head) for head in all_nodes("head", SHAPE)]


class Clock:
    """Tells the time that a test says."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def keeping(stubbed, tmp_path):
    """`keeping(seconds)`: an engine that takes so long for each intervention, what it was asked, and its clock."""

    def keeping(seconds, progress=None, store=None):
        clock, asked = Clock(), []
        made = stubbed(lambda intervention: 0.1 * len(intervention.nodes), SHAPE)._engine

        class Slow:
            name = "slow"
            unpatched = made.unpatched

            def measure(self, quantity):
                clock.now += seconds * len(quantity.interventions)
                asked.append(len(quantity.interventions))
                return made.measure(quantity)

        given = {} if progress is None else {"progress": progress}
        return ChunkedEngine(Slow, store or CacheStore(tmp_path / "kept"), "key", clock=clock, **given), asked, clock

    return keeping


def test_chunks_are_as_large_as_take_two_seconds(keeping):
    engine, asked, _ = keeping(0.125)
    engine.measure(InterventionScores(tuple(ALL)))
    assert sum(asked) == 200
    assert asked[0] == 1
    assert max(asked) == CHUNK_S / 0.125 == 16


def test_chunks_grow_fast_and_not_without_limit(keeping):
    engine, asked, _ = keeping(1e-9)
    engine.measure(InterventionScores(tuple(ALL)))
    assert asked == [1, 8, 64, 127]
    assert max(asked) <= MAX_CHUNK_SIZE


def test_what_it_comes_to_does_not_depend_on_chunks(keeping):
    slow, fast = (keeping(seconds)[0].measure(InterventionScores(tuple(ALL))) for seconds in (5.0, 1e-9))
    np.testing.assert_array_equal(slow, fast)


def test_progress_counts_interventions_and_leaves_out_what_is_known(keeping):
    seen = []

    def progress(items, total, title):
        seen.append((title, total, sum(1 for _ in items)))
        return iter(())

    engine, _, _ = keeping(0.1, progress)
    engine.measure(InterventionScores(tuple(ALL[:50]), "heads"))
    engine.measure(InterventionScores(tuple(ALL), "heads"))
    assert seen == [("heads", 50, 50), ("heads", 150, 150)]


def test_case_25_a_run_that_is_killed_has_kept_all_but_the_last_seconds(keeping):
    """Nothing is saved at the end here, as after SIGKILL."""
    store, saved = {}, []

    class Noting:
        def read(self, key):
            return store.get(key, {})

        def write(self, key, arrays):
            store[key] = arrays
            saved.append(clock.now)

    engine, asked, clock = keeping(0.5, store=Noting())
    engine.measure(InterventionScores(tuple(ALL[:100])))  # 50 seconds
    assert len(saved) >= 50 / (SAVE_EVERY_S + CHUNK_S) - 1
    again, asked_again, _ = keeping(0.5, store=Noting())
    again.measure(InterventionScores(tuple(ALL[:100])))
    assert sum(asked_again) <= (SAVE_EVERY_S + CHUNK_S) / 0.5
    assert sum(asked) == 100


def test_unknown_are_those_that_were_not_measured(keeping):
    engine, _, _ = keeping(0.1)
    engine.measure(InterventionScores(tuple(ALL[:3])))
    assert engine.uncached([*ALL[:5], ALL[4], noise(*ALL[0].nodes)]) == [*ALL[3:5], noise(*ALL[0].nodes)]
    assert engine.n_measurements == 3


def test_estimates_are_kept_as_well(keeping):
    engine, _, _ = keeping(0.1)
    made = []

    def estimate(own):
        made.append(own.name)
        return np.arange(6.0).reshape(2, 3)

    for _ in range(2):
        np.testing.assert_array_equal(engine.cached_array("gradients", estimate), np.arange(6.0).reshape(2, 3))
    engine.save()
    again, _, _ = keeping(0.1)
    np.testing.assert_array_equal(again.cached_array("gradients", estimate), np.arange(6.0).reshape(2, 3))
    assert made == ["slow"]


@pytest.fixture
def timed(keeping, stubbed):
    """`timed(seconds)`: measurements that take so long each, their engine and its clock."""

    def timed(seconds):
        engine, asked, clock = keeping(seconds)
        measured = stubbed(lambda intervention: 0.0, SHAPE)
        measured._engine = engine
        return measured, engine, asked, clock

    return timed


def test_the_time_of_a_sweep_is_estimated_from_a_few_places_of_it(timed):
    measured, engine, asked, clock = timed(0.5)
    pace = TimeBudget(60.0, clock)
    each = pace.seconds_each(measured, engine, ALL)
    assert each == pytest.approx(0.5)
    assert sum(asked) == 16
    assert {intervention.nodes[0].layer for intervention in engine.uncached(ALL)} == {0, 1}
    assert len(engine.uncached(ALL)) == 184
    assert not pace.allows(len(ALL), each)
    assert pace.allows(120, each)
    assert pace.affordable(each, 10, 100) == 30  # a quarter of the limit
    assert (pace.affordable(each, 40, 100), pace.affordable(each, 10, 20)) == (40, 20)


@pytest.mark.parametrize(("limit", "allowed", "affordable"), [(0.0, False, 10), (float("inf"), True, 100)])
def test_at_either_extreme_nothing_is_timed(timed, limit, allowed, affordable):
    measured, engine, asked, clock = timed(0.5)
    pace = TimeBudget(limit, clock)
    each = pace.seconds_each(measured, engine, ALL)
    assert asked == []
    assert pace.allows(len(ALL), each) is allowed
    assert pace.affordable(each, 10, 100) == affordable


def test_what_is_known_takes_no_time(timed):
    measured, engine, _, clock = timed(0.5)
    engine.measure(InterventionScores(tuple(ALL)))
    assert TimeBudget(1.0, clock).seconds_each(measured, engine, ALL) == 0


class Stop(KeyboardInterrupt):
    """Ctrl-C after so many steps."""


def stopping_after(count):
    seen = iter(range(count))

    def progress(items, total, title):
        for item in items:
            if next(seen, None) is None:
                raise Stop
            yield item

    return progress


@pytest.fixture
def stored(loaded_model, tmp_path):
    """A model as if it came from a file, whose weights are known by a digest, and a store."""
    assert loaded_model.provenance.weights_sha256
    return loaded_model, CacheStore(tmp_path / "measurements")


def test_case_25_a_run_that_is_stopped_goes_on_where_it_was(behaviour, stored, monkeypatch):
    loaded_model, store = stored
    asked = []
    measure = ReplayEngine.scores

    def counted(self, interventions, title="patching"):
        asked.append(len(interventions))
        return measure(self, interventions, title)

    monkeypatch.setattr(ReplayEngine, "scores", counted)
    settings = DiscoveryOptions(count=24, exact_seconds=float("inf"))
    with pytest.raises(DiscoveryInterrupted) as stopped:
        explore(behaviour(), loaded_model, settings, store=store, progress=stopping_after(40))
    first, kept = sum(asked), stopped.value.n_cached
    assert kept >= 30
    asked.clear()
    went_on = explore(behaviour(), loaded_model, settings, store=store)
    second = sum(asked)
    asked.clear()
    again = explore(behaviour(), loaded_model, settings, store=store)
    third = sum(asked)
    asked.clear()
    alone = explore(behaviour(), loaded_model, settings)
    whole = sum(asked)
    assert second <= whole - kept
    assert first + second <= whole + first - kept
    assert third == 0
    assert discovery_yaml(went_on) == discovery_yaml(again)
    assert went_on.mechanism.nodes == alone.mechanism.nodes
    assert went_on.mechanism.edges == alone.mechanism.edges
    for one, other in zip(went_on.draft.lines, alone.draft.lines, strict=True):
        assert [*one.entry] == [*other.entry]
        for (_, mine), (_, yours) in zip(one.estimates, other.estimates, strict=True):
            assert mine.value == pytest.approx(yours.value, abs=1e-4)  # chunks may be others


def test_nothing_is_kept_of_a_score_that_nobody_knows(behaviour, stored):
    def twice(logits, answers, foils):
        return 2 * (logits.gather(1, answers) - logits.gather(1, foils)).mean(1)

    loaded_model, store = stored
    settings = DiscoveryOptions(count=16, exact_seconds=float("inf"))
    with pytest.raises(DiscoveryInterrupted) as stopped:
        explore(behaviour(), loaded_model, settings, store=store, progress=stopping_after(40), score=twice)
    assert stopped.value.n_cached == 0
    assert not store.folder.exists()
