"""Numbers, estimates and durations as text."""

import pytest

from mi_checks.output import numbers
from mi_checks.stats.estimate import Estimate


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(-0.001, 2, "0.00"), (-0.5, 2, "−0.50"), (3.14159, 3, "3.142"), (-10.0, 0, "−10"), (float("nan"), 2, "nan")],
)
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert numbers.number(value, decimals) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "p < 0.001"),
        (0.0009, "p < 0.001"),
        (0.0123, "p = 0.012"),
        (0.049, "p = 0.049"),
        (0.3, "p = 0.30"),
        (1, "p = 1.00"),
    ],
)
def test_p_values(p: float, text: str) -> None:
    assert numbers.p_value(p) == text


def test_a_difference_has_its_sign() -> None:
    assert [numbers.signed(Estimate(v, v - 1, v + 1, 9, "logits", "")) for v in (2.5, -2.5, 0)] == [
        "+2.50",
        "−2.50",
        "+0.00",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (12.4, "12 s"), (83.2, "1 min 23 s"), (3725, "1 h 2 min"), (59.7, "1 min 0 s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert numbers.duration(seconds) == text


def test_a_rough_duration_is_whole_seconds() -> None:
    assert [numbers.duration(seconds, whole=True) for seconds in (0.2, 7.6, 125.0)] == ["0 s", "8 s", "2 min 5 s"]


def test_an_estimate_has_one_form_with_its_own_decimals_and_one_with_three() -> None:
    estimate = Estimate(-0.5, -1.25, 0.25, 9, "logits", "")
    assert numbers.estimate_text(estimate) == "−0.50 [−1.25, 0.25]"
    assert numbers.signed_text(estimate) == "−0.50 [−1.25, 0.25]"
    assert numbers.precise(estimate) == "−0.500 [−1.250, 0.250]"


def test_a_bound_has_as_few_decimals_as_it_needs() -> None:
    assert [numbers.number(bound, None) for bound in (0.5, -2.0, 1e-7, 0.0)] == ["0.5", "−2", "1e−07", "0"]
