"""What an earlier run has measured is recalled, bit by bit, and no engine is made for it."""

from dataclasses import fields

import numpy as np
import pytest

from mi_checks.cache import entry
from mi_checks.cache.recalling import Recalling
from mi_checks.cache.store import Store
from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.choose_engine import choose
from mi_checks.engine.clean_run_quantities import Activity, Attended, AttentionPattern, Promoted
from mi_checks.engine.composition import InputShare
from mi_checks.engine.direct_attribution import DirectEffects, EffectsFromSources
from mi_checks.engine.intervention_quantities import Changes, EdgeScores, Scores
from mi_checks.engine.interventions import EdgeCircuit, ablate, denoise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.readout import SideRun
from mi_checks.stats import intervals
from tests.engine.cases import native, prompts

HEAD = Node(1, "head", 2)
ASKED = 1 + 8 + 1 + 2 + 1 + 1 + 1 + 1 + 1 + 2 + 2 + 1 + 1 + 1  # as `everything` does, one by one


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture(scope="module")
def make():
    loaded_model, batch = native("gelu"), prompts(count=5, seed=4)
    return lambda: choose("auto", loaded_model, batch)


def unwanted():
    raise AssertionError("an engine was made")


def everything(measuring):
    sweep = [denoise(node) for node in all_nodes("head", native("gelu").shape)]
    return (
        measuring.base,
        measuring.measure(Scores(tuple(sweep))),
        measuring.measure(Scores((ablate(HEAD, kind="mean"),))),
        measuring.measure(Changes(denoise(HEAD, at="X"))),
        measuring.measure(Attended(HEAD, "Y", "X"))[0],
        measuring.measure(AttentionPattern(HEAD, 1)),
        measuring.measure(EffectsFromSources(HEAD, 1)),
        measuring.measure(Activity(Node(1, "neuron", 3))),
        measuring.measure(Promoted(Node(1, "neuron", 3), 2)),
        measuring.measure(
            EdgeScores(tuple([EdgeCircuit(((HEAD, LOGITS),), kind, mlps=True) for kind in ("zero", "mean")]))
        ),
        measuring.measure(DirectEffects((HEAD, Node(0, "mlp")))),
        measuring.measure(InputShare(Node(0, "mlp"), Node(1, "q", 1), "X"))[0],
        measuring.measure(AttributionPatching("head")),
        measuring.measure(AttributionPatching("v", "X")),
    )


def test_recalled_is_what_was_measured(store, make):
    first = Recalling(make, store, "key")
    measured = everything(first)
    first.save()
    assert (first.asked, first.recalled) == (ASKED, 0)
    second = Recalling(unwanted, store, "key")
    recalled = everything(second)
    assert (second.asked, second.recalled) == (ASKED, ASKED)
    assert second.name == first.name == "replay"
    for was, now, by_engine in zip(measured[1:], recalled[1:], everything(make())[1:], strict=True):
        np.testing.assert_array_equal(now, was)
        np.testing.assert_array_equal(now, by_engine)
    for side in ("clean", "corrupt"):
        was, now = getattr(measured[0], side), getattr(recalled[0], side)
        for part in fields(SideRun):
            np.testing.assert_array_equal(getattr(now, part.name), getattr(was, part.name))


def test_only_what_is_missing_is_measured(store, make):
    first = Recalling(make, store, "key")
    kept = first.measure(Scores((denoise(HEAD),)))
    first.save()
    second = Recalling(make, store, "key")
    both = second.measure(Scores((ablate(HEAD, kind="zero"), denoise(HEAD))))
    assert (second.asked, second.recalled) == (2, 1)
    np.testing.assert_array_equal(both[1], kept[0])
    np.testing.assert_array_equal(both, make().scores([ablate(HEAD, kind="zero"), denoise(HEAD)]))


def test_another_key_knows_nothing(store, make):
    first = Recalling(make, store, "key")
    first.measure(Scores((denoise(HEAD),)))
    first.save()
    second = Recalling(make, store, "another")
    second.measure(Scores((denoise(HEAD),)))
    assert second.recalled == 0


def test_what_two_processes_measured_is_kept_together(store, make):
    """As under `pytest -n 2`, where one behaviour's items may be on two workers."""
    one, other = Recalling(make, store, "key"), Recalling(make, store, "key")
    one.measure(Scores((denoise(HEAD),)))
    assert other.base is not None
    other.measure(Scores((ablate(HEAD, kind="zero"),)))
    one.save()
    other.save()
    third = Recalling(unwanted, store, "key")
    third.measure(Scores((denoise(HEAD), ablate(HEAD, kind="zero"))))
    assert third.base is not None
    assert third.recalled == third.asked == 3


def test_nothing_is_written_where_nothing_is_new(store, make):
    first = Recalling(make, store, "key")
    first.measure(Scores((denoise(HEAD),)))
    first.save()
    (path,) = store.folder.iterdir()
    path.write_bytes(path.read_bytes() + b"a mark")
    second = Recalling(unwanted, store, "key")
    second.measure(Scores((denoise(HEAD),)))
    second.save()
    assert path.read_bytes().endswith(b"a mark")


def test_intervals_are_recalled_with_the_measurements_they_are_of(store, make, monkeypatch):
    first = Recalling(make, store, "key")
    effect_size = np.abs(first.base.effect_size) + 1
    shares = np.stack([0.5 * effect_size, 0.25 * effect_size + np.arange(len(effect_size))])

    def worked_out(measuring):
        cache = measuring.intervals
        return intervals.mean_interval(effect_size, "logits", cache), intervals.ratio_intervals(
            shares, effect_size, cache=cache
        )

    expected = worked_out(first)
    first.keep_intervals()
    first.save()
    second = Recalling(unwanted, store, "key")
    monkeypatch.setattr(intervals, "bootstrap_weights", unwanted)
    assert worked_out(second) == expected
    second.keep_intervals()
    monkeypatch.undo()
    monkeypatch.setattr(store, "write", unwanted)
    second.save()  # nothing new


def test_intervals_by_other_code_are_not_recalled(store, make, monkeypatch):
    first = Recalling(make, store, "key")
    intervals.mean_interval(first.base.effect_size, "logits", first.intervals)
    first.keep_intervals()
    first.save()
    monkeypatch.setattr(entry, "RESAMPLING_WITH", ("scipy",))
    assert Recalling(unwanted, store, "key").intervals.ends == {}


def test_intervals_alone_make_no_engine(store):
    measuring = Recalling(unwanted, store, "key")
    intervals.mean_interval(np.arange(5.0), "logits", measuring.intervals)
    measuring.keep_intervals()
    measuring.save()
    assert store.read("key") == {}
