"""Which heads a failure names instead: those that a test says mediate, and nothing else."""

import numpy as np
import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.suite.failure_message import mediator_lines

CHECK = {"patching": {"nodes": "L1H0", "recovers": {"at_least": 0.5}}}
EFFECT_SIZE = 5.0


@pytest.fixture
def named(measurements, around):
    def named(effects, check=CHECK, effect_size=None, **given):
        measured = measurements(
            around(EFFECT_SIZE) if effect_size is None else effect_size, checks=[check], effects=effects, **given
        )
        return mediator_lines(run_check(measured.behaviour.checks[0].check, measured), measured)

    return named


def test_case_39_only_heads_that_mediate_are_named(named, around):
    """A head of 0.000 is no mediator, whichever of five it is."""
    (line,) = named(
        {
            "L0H1": around(0.6 * EFFECT_SIZE, seed=1),
            "L1H2": around(0.3 * EFFECT_SIZE, seed=2),
            "L0H0": around(0, seed=3),
        }
    )
    head, rest = line.split(": ", 1)
    assert head == "  mediators found, by fraction recovered alone"
    assert [part.split()[0] for part in rest.split("; ")] == ["L0H1", "L1H2"]
    assert "0.000" not in line


@pytest.mark.parametrize(
    "effects",
    [
        {},
        {"L0H1": 1e-7},  # rounding, the same on every prompt
        {"L0H1": 0.009 * EFFECT_SIZE},  # surely more than nothing, and not worth a name
        {"L0H1": -0.6 * EFFECT_SIZE},
    ],
)
def test_case_39_where_none_mediates_that_is_said(named, effects):
    (line,) = named({node: np.full(64, value) for node, value in effects.items()}, rounding=1e-5)
    assert line == (
        "  mediators found: none; no head alone recovers more than 0.01 (one-sided tests at 2.5 %, Holm-corrected "
        "over 6 heads)"
    )


def test_case_39_a_head_is_named_if_it_would_be_after_correction(named, around):
    """Noise that one test at 2.5 % lets through is not named among six heads."""
    spread, mean = 1.0, 0.01 * EFFECT_SIZE + 2.2 / 8  # 2.2 standard errors above the threshold
    assert "none" in named({"L0H1": around(mean, spread=spread, seed=1)})[0]
    assert "L0H1" in named({"L0H1": around(0.01 * EFFECT_SIZE + 3.5 / 8, spread=spread, seed=1)})[0]


def test_case_39_neurons_of_a_sweep_are_called_neurons(named, around):
    check = {"mediators": {"component": "neuron", "above": 0.25, "exactly": ["L1N0"]}}
    assert named({"L0N1": around(0.5 * EFFECT_SIZE, seed=1)}, check)[0].startswith(
        "  mediators found, by fraction recovered alone: L0N1"
    )
    assert "no neuron alone recovers more than 0.01" in named({}, check)[0]


def test_without_an_effect_size_nothing_is_named(named):
    assert named({}, effect_size=np.zeros(64)) == []
    assert named({}, effect_size=np.full(64, 1e-7), rounding=1e-5) == []
