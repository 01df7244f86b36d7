"""No verdict rests on too few prompts, rows or different values, and each says what would do."""

import numpy as np
import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.prompts.factors import factor

LOGIT_DIFF = {"logit_diff": {"at_least": 2}}
PATCHING = {"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.5}}}
MEDIATORS = {"mediators": {"component": "head", "above": 0.25, "exactly": ["L0H1", "L1H2"]}}
CIRCUIT = {"nodes": ["L0H1", "L1H2"], "with": "zero"}
FRACTIONS = [
    PATCHING,
    MEDIATORS,
    {"ablation": {"nodes": "L1H2", "with": "zero", "removes": {"at_least": 0.5}}},
    {"path": {"from": "L1H2", "to": "logits", "recovers": {"at_least": 0.5}}},
    *({"circuit": {**CIRCUIT, aspect: {"at_least": 0.1}}} for aspect in ("faithfulness", "minimal", "sufficient")),
    {"circuit": {**CIRCUIT, "completeness": {"at_most": 0.3}}},
    {"curve": {"cpr": {"at_least": 0.1}}},
    {"curve": {"cmd": {"at_most": 0.9}}},
]
EVERY = [LOGIT_DIFF, *FRACTIONS]


def nouns(rows, n=64, sampled=True):
    """Return a factor of which every row is taken equally often."""
    return factor("noun", np.arange(n) % rows, sampled=sampled)


def model(around, n=64):
    """Return the clean scores and the effects of a model of which everything claimed here is true.

    L0H0 is in no circuit, so that no fraction is the same on every prompt.
    """
    varied = [around(0, spread=0.2, seed=seed)[:n] for seed in range(4)]
    return 4 + varied[0], {"L0H0": 0.1 + varied[3], "L0H1": 1.6 + varied[1], "L1H2": 2.4 + varied[2]}


@pytest.mark.parametrize("check", EVERY, ids=str)
def test_fewer_than_eight_rows_of_a_sampled_variable(judged, around, check):
    clean, effects = model(around)
    verdict = judged(check, clean, effects=effects, factors=[nouns(7)])
    assert verdict.outcome == "inconclusive"
    assert (
        "the prompts share 7 values of 'noun', too few for a claim about more of their kind; give it at least 8 and "
        "better many more, or write 'rows: fixed' if the claim is about exactly these"
    ) in verdict.reason
    assert verdict.p_value is None or verdict.p_value >= 0.025


@pytest.mark.parametrize("check", EVERY, ids=str)
@pytest.mark.parametrize("given", [nouns(7, sampled=False), nouns(64), nouns(32)], ids=["fixed", "64 rows", "32 rows"])
def test_fixed_rows_or_many_give_a_verdict(judged, around, check, given):
    clean, effects = model(around)
    verdict = judged(check, clean, effects=effects, factors=[given])
    assert verdict.outcome == "pass", verdict.reason
    rows = 16 if "curve" in check else 32  # every second prompt has every second row
    assert verdict.estimate.clusters == (rows if given.size == 32 else None)
    assert verdict.estimate.clustered_by == ("noun" if given.size == 32 else "")


@pytest.mark.parametrize("check", EVERY, ids=str)
def test_fewer_than_eight_prompts(judged, around, check):
    clean, effects = model(around, 7)
    verdict = judged(check, clean, effects=effects)
    assert verdict.outcome == "inconclusive"
    need = 16 if "curve" in check else 8  # a curve is measured on every second prompt
    assert f"7 prompts are too few for an interval; use at least {need} (--mi-count {need})" in verdict.reason


@pytest.mark.parametrize(("rows", "outcome"), [(4, "inconclusive"), (8, "pass"), (None, "inconclusive")])
def test_accuracy_needs_rows_of_a_sampled_variable_but_no_number_of_prompts(judged, rows, outcome):
    """The exact binomial test holds for any number of prompts; of four it shows no more than 0.40."""
    factors = [] if rows is None else [nouns(rows)]
    verdict = judged({"accuracy": {"at_least": 0.5}}, np.ones(4 if rows is None else 64), factors=factors)
    assert (verdict.outcome, verdict.estimate.refusal is None) == (outcome, rows != 4)


@pytest.mark.parametrize(
    ("n", "different", "outcome"),
    [
        *((63, 0, "inconclusive"), (64, 0, "pass")),
        *((64, 1, "inconclusive"), (64, 4, "inconclusive"), (64, 5, "pass")),
    ],
)
def test_almost_all_values_alike(judged, n, different, outcome):
    """At least 80 % alike and fewer than five that differ, or none of fewer than 64.

    The prompts that would do are those with five and half as many again; if none differs, 64.
    """
    values = np.full(n, 4.0)
    values[:different] += np.linspace(0.01, 0.05, different)
    verdict = judged(LOGIT_DIFF, values)
    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        differ = "no prompt differs" if different == 0 else f"only {different} of the prompts differ"
        need = int(np.ceil(1.5 * n * 5 / different)) if different else 64
        assert verdict.reason == (
            f"almost all prompts have the same value ({differ}), so that a rare other value may be missing by chance; "
            f"about {need:,} prompts would do (--mi-count {need})"
        )


def test_mediators_of_which_some_are_too_alike_say_so(judged, around):
    """Two heads do much on few prompts only: what is missing is not distance from the threshold but prompts."""
    clean, effects = model(around)
    rare = {"L1H0": 8.0 * (np.arange(64) < 3), "L1H1": 8.0 * (np.arange(64) < 2)}
    verdict = judged(MEDIATORS, clean, effects=effects | rare)
    assert (verdict.outcome, verdict.reason) == (
        "inconclusive",
        "almost all prompts have the same value (only 2 of the prompts differ), so that a rare other value may be "
        "missing by chance; about 240 prompts would do (--mi-count 240): L1H0, L1H1",
    )


@pytest.mark.parametrize(("rows", "outcome"), [(15, "inconclusive"), (16, "pass")])
@pytest.mark.parametrize("unit", ["values of 'noun'", "prompts"])
def test_six_tests_need_sixteen_observations(judged, around, rows, outcome, unit):
    """6.5 √6 = 15.9 for the six heads that are tested together."""
    is_clustered = unit != "prompts"
    clean, effects = model(around, 64 if is_clustered else rows)
    verdict = judged(MEDIATORS, clean, effects=effects, factors=[nouns(rows)] if is_clustered else [])
    assert verdict.outcome == outcome
    if outcome == "inconclusive":
        assert verdict.reason == (
            f"6 tests together need at least 16 {unit}, and there are 15; use more, or test fewer nodes (key 'layers')"
        )
        assert verdict.estimate.refusal.reason == "few observations for the tests"


@pytest.mark.parametrize(("rows", "outcome"), [(12, "inconclusive"), (13, "pass")])
def test_minimality_counts_every_removal(judged, around, rows, outcome):
    """Two nodes with two sets each removed before: 6.5 √4 = 13."""
    clean, effects = model(around, rows)
    verdict = judged({"circuit": {**CIRCUIT, "minimal": {"at_least": 0.1}}}, clean, effects=effects)
    assert verdict.outcome == outcome
    assert ("4 tests together need at least 13 prompts, and there are 12" in verdict.reason) == (rows == 12)


@pytest.mark.parametrize(("rows", "outcome"), [(9, "inconclusive"), (10, "pass")])
def test_minimality_of_edges(measurements, around, rows, outcome):
    """Two edges: 6.5 √2 = 9.2."""
    edges = ["L0H1 -> L1H2.k", "L1H2 -> logits"]
    clean, _ = model(around, rows)
    measured = measurements(clean, checks=[{"circuit": {"edges": edges, "with": "zero", "minimal": {"at_least": 0.1}}}])
    restored = [around(1.5, spread=0.1, seed=seed)[:rows] for seed in (5, 6)]
    measured.edge_circuits = lambda circuits: np.stack(
        [sum(restored[: len(each.edges)], np.zeros(rows)) for each in circuits]
    )
    verdict = run_check(measured.behaviour.checks[0].check.parts[0], measured)
    assert verdict.outcome == outcome
    assert ("2 tests together need at least 10 prompts, and there are 9" in verdict.reason) == (rows == 9)
    if outcome == "inconclusive":
        assert verdict.estimate.refusal.tests == 2
