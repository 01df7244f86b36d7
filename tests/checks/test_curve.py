"""The area under and beside the faithfulness curve, where it is known."""

import numpy as np
import pytest

from mi_checks.checks.curve import cmd, cpr
from mi_checks.output.claim_text import claim_text


def test_the_areas_of_a_straight_line():
    node_fractions = np.linspace(0, 1, 11)
    assert cpr(node_fractions, node_fractions) == pytest.approx(0.5)
    assert cmd(node_fractions, node_fractions) == pytest.approx(0.5)


def test_a_circuit_above_one_is_as_far_off_as_one_below():
    node_fractions = np.array([0.0, 1.0])
    assert cpr(node_fractions, np.array([1.5, 1.5])) == pytest.approx(1.5)
    assert cmd(node_fractions, np.array([1.5, 1.5])) == pytest.approx(0.5)
    assert cmd(node_fractions, np.array([0.5, 0.5])) == pytest.approx(0.5)


def test_one_node_that_carries_all_is_found_first(judged, around):
    effects = {"L1H2": around(3)}
    claim = {"curve": {"cpr": {"at_least": 0.9}}}
    verdict = judged(claim, around(5), effects=effects)
    # f is 0 with none of the six heads and 1 from the first on: a triangle of 1/6, then 5/6
    assert verdict.estimate.value == pytest.approx(1 - 1 / 12)
    assert verdict.estimate.n == 32
    assert (
        claim_text(verdict.claim)
        == "CPR of circuits among heads, by the fraction that each node recovers alone, is at least 0.9"
    )


def test_the_distance_is_what_the_area_misses(judged, around):
    """The area is the same fraction of the effect on every prompt, and so on 64: every second one of 128."""
    check = {"curve": {"cmd": {"at_most": 0.1}}}
    verdict = judged(check, around(5, n=128), effects={"L1H2": around(3, n=128)})
    assert (verdict.outcome, verdict.estimate.n) == ("pass", 64)
    assert verdict.estimate.value == pytest.approx(1 / 12)


def test_without_a_span(judged, around):
    verdict = judged({"curve": {"cpr": {"at_least": 0.5}}}, around(5))
    assert verdict.outcome == "fail"
    assert "no effect to mediate: m(M) − m(∅)" in verdict.reason
