"""Measured lazily, and once."""

import numpy as np
import pytest

from mi_checks.checks.measurements import SweepPlace
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import Node


def test_a_sweep_is_made_once(measurements, around):
    measured = measurements(around(4))
    first = measured.sweep("head")
    assert len(measured.asked) == 6
    assert measured.sweep("head") is first
    assert len(measured.asked) == 6
    assert measured.sweeps == {SweepPlace("head"): first}


def test_a_sweep_that_is_only_shown_is_made_on_few_prompts_and_once(measurements, around):
    measured, on_few = measurements(around(40)), measurements(around(8))
    for _ in range(2):
        measured.show_sweep(SweepPlace("head"), lambda: on_few)
    assert (len(measured.asked), len(on_few.asked)) == (0, 6)
    assert measured.sweeps == {SweepPlace("head"): on_few.sweep("head")}
    whole = measured.sweep("head")  # a check that tests all heads
    measured.show_sweep(SweepPlace("head"), lambda: on_few)
    assert measured.sweeps == {SweepPlace("head"): whole}
    assert whole.design.n == len(measured.batch)


def test_other_layers_or_places_are_other_sweeps(measurements, around):
    measured = measurements(around(4))
    assert len(measured.sweep("head", (1,)).nodes) == 3
    assert measured.sweep("head", at="A").at == "A"
    assert len(measured.sweep("neuron", (-1,)).nodes) == 2
    assert len(measured.sweeps) == 3
    assert {intervention.at for intervention in measured.asked} == {None, "A"}


def test_what_a_sweep_has_measured_is_not_measured_again(measurements, around):
    measured = measurements(around(4), effects={"L1H2": around(3)})
    measured.sweep("head")
    asked = len(measured.asked)
    np.testing.assert_allclose(measured.logit_diff(denoise(Node(1, "head", 2))), around(3))
    assert len(measured.asked) == asked


def test_the_strongest_come_first(measurements, around):
    effects = {"L0H0": around(1), "L0H1": around(3), "L1H2": around(2), "L1H0": around(-3)}
    found = measurements(around(4), effects=effects).sweep("head").strongest(3)
    assert [str(node) for node, _ in found] == ["L0H1", "L1H2", "L0H0"]
    assert [estimate.value for _, estimate in found] == pytest.approx([0.75, 0.5, 0.25])


def test_only_the_nodes_that_are_asked_for_have_intervals(measurements, around):
    rng = np.random.default_rng(0)
    effects = {
        f"L{layer}H{head}": around(2) + rng.normal(0, 0.1, len(around(2))) for layer in (0, 1) for head in (0, 1)
    }
    measured = measurements(around(4), effects=effects)
    sweep = measured.sweep("head")
    strongest = sweep.strongest(2)
    of_effect_size = 1
    assert len(measured.intervals.ends) == 2 + of_effect_size
    places = [sweep.nodes.index(node) for node, _ in strongest]
    assert [sweep.estimates[place] for place in places] == [estimate for _, estimate in strongest]
