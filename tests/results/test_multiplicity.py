"""How many false passes are expected in a run, and the correction for all of its checks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.results.multiplicity import familywise_p_values, near_bound
from tests.made_results import result


def outcome_of(p_value):
    return "pass" if p_value < 0.025 else "fail" if p_value >= 0.975 else "inconclusive"


def results_with(p_values):
    return [
        result(f"logit_diff[{i}]", None, p_value=p, outcome="pass" if p is None else outcome_of(p))
        for i, p in enumerate(p_values)
    ]


def test_nothing_is_said_if_nothing_passed_near_its_bound():
    assert near_bound(results_with([0.0, 0.002, 0.3, 1.0, None])) is None
    assert near_bound([]) is None


def test_the_estimate_follows_storey():
    found = near_bound(results_with([1e-9, 0.003, 0.02, None, *([0.4] * 37), 0.99, 1.0]))
    assert (found.passed, found.near) == (3, 2)
    assert found.false_passes == pytest.approx(0.0225 * 38 / 0.95)


def test_no_more_false_passes_are_expected_than_there_are_passes():
    assert near_bound(results_with([0.01, *([0.5] * 1000)])).false_passes == 1


def test_a_pass_is_no_evidence_for_claims_on_their_bounds():
    """A composition that random directions equal has a large p-value and is inconclusive; a pass never counts."""
    passes = [result(f"c{i}", None, p_value=0.03, outcome="pass") for i in range(9)]
    assert near_bound(passes).false_passes == pytest.approx(0.0225 / 0.95)


def test_it_estimates_the_false_passes_of_claims_on_their_bounds():
    """Of 400 claims on their bounds, 9 pass with p ≥ 0.0025, beside other claims that are true or false."""
    rng = np.random.default_rng(0)
    estimated, occurred = [], []
    for _ in range(200):
        p_values = [*rng.uniform(size=400), *([1e-6] * 500), *([0.01] * 20), *([0.999] * 300)]
        occurred.append(sum(0.0025 <= p < 0.025 for p in p_values[:400]))
        estimated.append(near_bound(results_with(p_values)).false_passes)
    assert np.mean(estimated) == pytest.approx(9, rel=0.05)
    assert np.mean(occurred) == pytest.approx(9, rel=0.1)


@given(st.lists(st.floats(0, 1) | st.none(), max_size=30))
def test_holm_over_all_checks(p_values):
    corrected = familywise_p_values(results_with(p_values))
    tested = {f"behaviours/induction.yaml::logit_diff[{i}]": p for i, p in enumerate(p_values) if p is not None}
    assert corrected.keys() == tested.keys()
    for node_id, p in tested.items():  # Holm's adjusted p-value by its definition
        smaller = sorted(q for q in tested.values() if q <= p)
        steps = [min(1.0, (len(tested) - i) * q) for i, q in enumerate(smaller)]
        assert corrected[node_id] == pytest.approx(max(steps))
