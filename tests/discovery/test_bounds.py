"""Bounds that other prompts keep."""

import numpy as np
import pytest

from mi_checks.checks.measurements import Sweep
from mi_checks.discovery import bounds
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate


def estimate(values):
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(mean), float(mean - half), float(mean + half), len(values), "", "")


@pytest.mark.parametrize("pairs", [32, 128, 512])
def test_a_check_on_other_prompts_keeps_nearly_every_bound(pairs):
    """Three standard errors leave about one in a thousand out on one side, with t's tails a little more."""
    generator = np.random.default_rng(0)
    kept, tight = [], []
    for _ in range(1000):
        measured, checked = (estimate(generator.normal(5, 2, n)) for n in (128, pairs))
        below, above = bounds.at_least(measured, pairs), bounds.at_most(measured, pairs)
        kept += [checked.low >= below, checked.high <= above]
        tight.append(5 - below)
    assert np.mean(kept) >= 0.993
    assert np.mean(tight) < 2 * (1.96 + 3 * np.sqrt(1 + pairs / 128)) / np.sqrt(pairs) + 0.15  # and of rounding


@pytest.mark.parametrize(("value", "half", "low", "high"), [(0.5, 0.0, 0.5, 0.5), (6.27, 0.0, 6.2, 6.3)])
def test_bounds_are_rounded_away_from_the_value(value, half, low, high):
    certain = Estimate(value, value - half, value + half, 64, "", "")
    assert (bounds.at_least(certain, 64), bounds.at_most(certain, 64)) == (low, high)


def test_what_is_clear_of_a_threshold_stays_on_its_side():
    generator = np.random.default_rng(1)
    truth = np.array([0.3, 0.16, 0.1, 0.04, 0.0])
    nodes = tuple(Node(0, "head", i) for i in range(5))

    def sweep(n):
        return Sweep(nodes, None, truth[:, None] + generator.normal(0, 0.1, (5, n)), np.ones(n))

    for _ in range(200):
        more, less = bounds.clear(sweep(128), 0.1, 64)
        again = sweep(64)
        t = (again.recovered.mean(1) - 0.1) / (again.recovered.std(1, ddof=1) / 8)
        assert (t[more] > 2.66).all()  # what Holm's first step asks of one of five
        assert (t[less] < -2.66).all()
        assert more[0]
        assert not more[2]
        assert not less[2]
