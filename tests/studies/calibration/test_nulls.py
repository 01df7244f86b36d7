"""Where nothing is so, claims pass as often as their intervals leave a side out, and no more often."""

from dataclasses import replace

import pytest

from mi_checks.checks import patching
from mi_checks.spec.roles import Role
from mi_checks.stats.intervals import mean_interval, ratio_interval
from mi_checks.studies.calibration import nulls
from mi_checks.studies.calibration.false_positive_rates import Rate
from mi_checks.studies.calibration.nulls import measure_roles_by_chance

SOME = ("logit_diff", "accuracy", "patching", "attention")


def too_often(rows):
    """What passed, or failed, more often than chance has it."""
    rates = {(row.claim, which): getattr(row, which) for row in rows for which in ("passed", "failed", "as_shipped")}
    return [where for where, rate in rates.items() if rate is not None and rate.comparison == "above"]


def narrow(make):
    """An interval made of a quarter of the width."""

    def narrowed(*given, **more):
        found = make(*given, **more)
        return replace(found, low=0.25 * found.low + 0.75 * found.value, high=0.25 * found.high + 0.75 * found.value)

    return narrowed


@pytest.fixture(scope="module")
def fresh():
    return nulls.measure_fresh_models(32, 0, SOME)


@pytest.fixture(scope="module")
def bound():
    return nulls.measure_at_the_bound(120, 0, ("logit_diff", "patching", "ablation", "path", "mediators"))


def test_of_fresh_models_nothing_passes_more_often_than_nominal(fresh):
    assert len(fresh) == 9
    assert too_often(fresh) == []
    assert all(row.as_shipped.hits == 0 for row in fresh)


def test_no_head_of_fresh_models_has_a_role():
    rows = measure_roles_by_chance(10, 0)
    assert [(row.claim, row.shipped, row.as_shipped) for row in rows] == [
        ("role[previous_token]", "at least 0.4", Rate(0, 10, pytest.approx(0.025))),
        ("role[induction]", "at least 0.5", Rate(0, 10, pytest.approx(0.025))),
    ]
    assert measure_roles_by_chance(10, 0, ("path",)) == ()


def test_a_role_that_anything_is_would_be_counted(monkeypatch):
    anything = nulls.SHIPPED_ROLES[0].model_copy(update={"role": Role(score="previous_token", at_least=0.0)})
    monkeypatch.setattr(nulls, "SHIPPED_ROLES", (anything,))
    (row,) = measure_roles_by_chance(4, 0)
    assert (row.as_shipped.hits, row.as_shipped.comparison) == (4, "above")


def test_a_share_passes_only_where_there_is_an_effect_size(fresh):
    for row in fresh:
        if row.with_gap is not None:
            assert row.with_gap.hits == row.passed.hits
            assert row.with_gap.runs < row.passed.runs / 4
    assert sum(row.with_gap is not None for row in fresh) == 3


def test_of_random_answers_nothing_passes_more_often_than_nominal():
    rows = nulls.measure_random_answers(80, 0, (*SOME, "ablation", "path"))
    assert too_often(rows) == []
    assert {row.passed.runs for row in rows} == {80}
    assert sum(row.passed.hits + (row.failed.hits if row.failed else 0) for row in rows) > 0  # it can happen


def test_held_to_what_is_true_claims_pass_as_often_as_nominal(bound):
    assert too_often(bound) == []
    passed = [row.passed.hits for row in bound]
    assert 0 < sum(passed) < 0.06 * 120 * len(bound)
    assert any("or" in row.bound for row in bound)  # a truth of each model


def test_too_narrow_an_interval_of_a_share_is_caught(monkeypatch):
    monkeypatch.setattr(patching, "ratio_interval", narrow(ratio_interval))
    rows = nulls.measure_at_the_bound(120, 0, ("patching",))
    assert {rate.comparison for row in rows for rate in (row.passed, row.failed)} == {"above"}


def test_too_narrow_an_interval_of_a_mean_is_caught(monkeypatch):
    monkeypatch.setattr("mi_checks.checks.logit_diff.mean_interval", narrow(mean_interval))
    rows = nulls.measure_random_answers(120, 0, ("logit_diff",))
    assert len(too_often(rows)) >= 3


def test_rates_are_of_the_verdicts_that_checks_give(monkeypatch):
    """Every third verdict on a claim passes: so does every third run."""
    real, asked = nulls.run_check, []

    def every_third(check, measured):
        asked.append(check.id)
        return replace(real(check, measured), outcome="pass" if asked.count(check.id) % 3 == 0 else "fail")

    monkeypatch.setattr(nulls, "run_check", every_third)
    (row,) = (row for row in nulls.measure_random_circuits(6, 0, ("circuit",)) if "sufficient" in row.claim)
    assert (row.passed.hits, row.as_shipped.hits) == (2, 2)
    assert row.as_shipped == Rate(2, 6, 1 - 0.9)


def test_the_same_seed_gives_the_same_rates(bound):
    assert nulls.measure_at_the_bound(120, 0, ("ablation",)) == tuple(row for row in bound if row.kind == "ablation")
    other = nulls.measure_fresh_models(4, 1, ("logit_diff",))
    assert other == nulls.measure_fresh_models(4, 1, ("logit_diff",))
