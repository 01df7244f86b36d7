"""`mi-checks compare`, the baseline item and `--mi-base` on the same two measurements."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.compare import baseline_drift, margins, reference_model, run_comparison
from mi_checks.compare.baseline_record import baseline_of, recorded_check
from mi_checks.compare.paired_change import change_between, with_holm_correction
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import PROPORTION
from mi_checks.stats.intervals import PROBABILITY, mean_interval, ratio_interval, ratio_parts
from mi_checks.stats.judgement import judge
from mi_checks.stats.sampling import independent
from tests.baseline_numbers import HEADER
from tests.effects import around, effect, evidence_of
from tests.made_results import result, run_of

N = 256
VALUES = around(2, 1, n=N)
SPREAD = around(0, 0.2, seed=1, n=N)  # the same in both measurements, so that a paired change stands out


def noise(spread, seed=7):
    return around(0, spread, seed=seed, n=N)


def shifted(by):
    """The values by that much higher, give or take what keeps the differences from being one number."""
    return VALUES + by + noise(0.005)


def logits(values, **given):
    return result("logit_diff", values, **{"at_least": 1, **given})


def by_interval(measured):
    """The check without values per prompt, as a circuit's are."""
    return replace(measured, per_prompt=())


def over_prompts(mean):
    """Values per prompt that follow from their mean, and differ from those of another mean by no single number."""
    return mean + SPREAD + around(0, 0.005, seed=round(1000 * mean), n=N)


def fraction(numerator, denominator, **given):
    part, whole = over_prompts(numerator), over_prompts(denominator)
    unit, design = "fraction of clean − corrupt", independent(N)
    measured = result("patching[L1H2]", part / whole.mean(), unit=unit, **{"at_least": 0.05, **given})
    return replace(
        measured, estimate=ratio_interval(part, whole, design), parts=ratio_parts(part, whole, "logits", design)
    )


def accuracy(right, n=64, **given):
    values = np.zeros(n)
    values[list(right)] = 1
    estimate = mean_interval(values, PROPORTION, independent(n), limits=PROBABILITY)
    bounds = {"at_least": 0.3, "at_most": None, **given}
    outcome = judge(estimate, Bound(**bounds))
    return replace(result("accuracy", values, unit=PROPORTION, **bounds), estimate=estimate, outcome=outcome)


def runs_of(before, after):
    """Both measurements as runs, whose evidence holds the effect sizes that fractions are of."""
    found = []
    for each, weights in ((before, "a"), (after, "b")):
        sizes = () if each.parts is None else tuple(np.round(over_prompts(each.parts.denominator.value), 3).tolist())
        shown = evidence_of(effect("nano-attn-2l", around(5, n=len(each.per_prompt) or N)), effect_sizes=sizes)
        found.append(run_of(each, evidence=[shown], models={"nano-attn-2l": {"weights_sha256": weights * 64}}))
    return found


def of_compare(before, after):
    (change,) = run_comparison.compare_runs(*runs_of(before, after))
    return change


def of_baseline(before, after):
    first, second = (run.evidence[0] for run in runs_of(before, after))
    then = baseline_of(HEADER, [before], (), first.effect_sizes)
    return baseline_drift.compare_with_baseline(then, {after.check: after}, second)


def of_reference(before, after):
    (then, now) = ({each.check: recorded_check(each)} for each in (before, after))
    return reference_model.compare_with_reference(then, now, None, independent(len(after.per_prompt)))


def verdicts(before, after):
    """What the three say, in one line; `--mi-base` compares behavioural checks only, by their values."""
    drifts = of_baseline(before, after).drifts
    if drifts and drifts[0].prompts is not None:
        drift = "prompts drifted"
    elif drifts:
        drift = f"drifted, {({True: 'better', False: 'worse', None: 'unclear'})[drifts[0].better]}"
    else:
        drift = "as recorded"
    paired = before.per_prompt and after.per_prompt and before.parts is None and before.deciding == after.deciding
    against = of_reference(before, after).behaviour if paired else "–"
    return f"{of_compare(before, after).state} | {drift} | {against}"


ALL, EVEN = range(64), range(0, 64, 2)
SAME_MEAN = logits(VALUES + noise(0.5))
GRID = {
    "the same": (logits(VALUES), logits(VALUES)),
    "0.005 lower": (logits(VALUES), logits(shifted(-0.005))),
    "0.005 higher, with noise": (logits(VALUES), logits(VALUES + 0.005 + noise(0.01))),
    "0.05 lower": (logits(VALUES), logits(shifted(-0.05))),
    "0.05 higher, with noise": (logits(VALUES), logits(VALUES + 0.05 + noise(0.1))),
    "0.5 lower": (logits(VALUES), logits(shifted(-0.5))),
    "0.5 higher, with noise": (logits(VALUES), logits(VALUES + 0.5 + noise(1))),
    "0.5 higher, held from above": (
        logits(VALUES, at_least=None, at_most=5),
        logits(shifted(0.5), at_least=None, at_most=5),
    ),
    "0.5 higher, held from both sides": (logits(VALUES, at_most=5), logits(shifted(0.5), at_most=5)),
    "0.5 higher, claimed absent": (
        logits(VALUES, kind="absent", outcome="fail"),
        logits(shifted(0.5), kind="absent", outcome="fail"),
    ),
    "other weights, the same mean": (logits(VALUES), SAME_MEAN),
    "other weights, 0.1 higher": (logits(VALUES), logits(VALUES + 0.1 + noise(0.5))),
    "other weights, 0.1 higher, too noisy": (logits(VALUES), logits(VALUES + 0.1 + noise(2))),
    "small: 0.005 higher": (logits(around(0.02, 0.05, n=N)), logits(around(0.025, 0.05, n=N) + noise(0.005))),
    "by interval: the same": (by_interval(logits(VALUES)), by_interval(logits(VALUES))),
    "by interval: 0.1 higher": (by_interval(logits(VALUES)), by_interval(logits(shifted(0.1)))),
    "by interval: 0.22 higher": (by_interval(logits(VALUES)), by_interval(logits(shifted(0.22)))),
    "by interval: 0.5 lower": (by_interval(logits(VALUES)), by_interval(logits(shifted(-0.5)))),
    "another deciding node, 0.1 higher": (logits(VALUES, deciding="L0H1"), logits(shifted(0.1), deciding="L0H2")),
    "another deciding node, 0.22 higher": (logits(VALUES, deciding="L0H1"), logits(shifted(0.22), deciding="L0H2")),
    "no longer measured": (
        logits(VALUES, outcome="fail"),
        replace(logits(VALUES, outcome="fail"), estimate=None, per_prompt=()),
    ),
    "fraction: the same": (fraction(0.5, 3.8), fraction(0.5, 3.8)),
    "fraction: the denominator shrank": (fraction(0.5, 3.8), fraction(0.5, 0.94)),
    "fraction: the denominator shrank by 0.5 %": (fraction(2.0, 3.8), fraction(2.0, 3.78)),
    "fraction: the denominator grew": (fraction(0.5, 3.8), fraction(0.5, 7.6)),
    "fraction: the numerator rose": (fraction(0.5, 3.8), fraction(1.5, 3.8)),
    "fraction: the numerator fell": (fraction(0.5, 3.8), fraction(0.2, 3.8)),
    "fraction: both shrank": (fraction(0.5, 3.8), fraction(0.4, 0.94)),
    "fraction: numerator 0.5 % higher, denominator shrank": (fraction(2.0, 3.8), fraction(2.01, 1.9)),
    "proportion: the same": (accuracy(EVEN), accuracy(EVEN)),
    "proportion: all right in both": (accuracy(ALL), accuracy(ALL)),
    "proportion: one prompt turned": (accuracy(EVEN), accuracy(list(EVEN)[1:])),
    "proportion: four turned both ways": (accuracy(EVEN), accuracy([1, 3, *list(EVEN)[2:]])),
    "proportion: eight lost": (accuracy(EVEN), accuracy(list(EVEN)[8:])),
    "proportion: all gained": (accuracy(EVEN), accuracy(ALL)),
}
VERDICTS = {
    "the same": "unchanged | as recorded | kept",
    "0.005 lower": "unchanged | as recorded | kept",
    "0.005 higher, with noise": "unchanged | as recorded | kept",
    "0.05 lower": "drifted | drifted, worse | kept",
    "0.05 higher, with noise": "improved | drifted, better | kept",
    "0.5 lower": "drifted | drifted, worse | changed",
    "0.5 higher, with noise": "improved | drifted, better | changed",
    "0.5 higher, held from above": "drifted | drifted, worse | changed",
    "0.5 higher, held from both sides": "drifted | drifted, unclear | changed",
    "0.5 higher, claimed absent": "drifted | drifted, worse | changed",
    "other weights, the same mean": "prompts moved | prompts drifted | kept",
    "other weights, 0.1 higher": "improved | drifted, better | kept",
    "other weights, 0.1 higher, too noisy": "prompts moved | prompts drifted | inconclusive",
    "small: 0.005 higher": "unchanged | as recorded | kept",
    "by interval: the same": "unchanged | as recorded | –",
    "by interval: 0.1 higher": "inconclusive | as recorded | –",
    "by interval: 0.22 higher": "improved | drifted, better | –",
    "by interval: 0.5 lower": "drifted | drifted, worse | –",
    "another deciding node, 0.1 higher": "inconclusive | as recorded | –",
    "another deciding node, 0.22 higher": "improved | drifted, better | –",
    "no longer measured": "drifted | drifted, unclear | –",
    "fraction: the same": "unchanged | as recorded | –",
    "fraction: the denominator shrank": "drifted | drifted, worse | –",
    "fraction: the denominator shrank by 0.5 %": "unchanged | as recorded | –",
    "fraction: the denominator grew": "drifted | drifted, worse | –",
    "fraction: the numerator rose": "improved | drifted, better | –",
    "fraction: the numerator fell": "drifted | drifted, worse | –",
    "fraction: both shrank": "drifted | drifted, worse | –",
    "fraction: numerator 0.5 % higher, denominator shrank": "drifted | drifted, worse | –",
    # With 64 prompts that all agree, up to 1 − 0.025^(1/64) = 0.056 of the others may not, and 0.05 is the margin.
    "proportion: the same": "unchanged | as recorded | inconclusive",
    "proportion: all right in both": "unchanged | as recorded | kept",
    "proportion: one prompt turned": "unchanged | as recorded | inconclusive",
    "proportion: four turned both ways": "prompts moved | prompts drifted | inconclusive",
    "proportion: eight lost": "drifted | drifted, worse | inconclusive",
    "proportion: all gained": "improved | drifted, better | changed",
}


@pytest.mark.parametrize("name", GRID)
def test_verdicts_on_a_grid(name):
    assert verdicts(*GRID[name]) == VERDICTS[name]


MEANS = st.floats(-6, 6)
SHIFTS = st.sampled_from([0.0, 0.003, -0.008, 0.02, -0.05, 0.12, 0.5, -2.0])
SPREADS = st.sampled_from([0.0, 0.003, 0.03, 0.3, 2.0])
SIZES = st.sampled_from([8, 64, 256])


def as_stored(measured):
    """The check with the decimals that a baseline stores: rounding may move a value across a margin."""
    stored = recorded_check(measured)
    return replace(measured, per_prompt=stored.per_prompt, estimate=stored.estimate, parts=stored.parts)


@st.composite
def pairs_of_measurements(draw):
    """Two measurements of one check: paired or not, of logits, of a fraction or of yes and no."""
    kind = draw(st.sampled_from(["logits", "by interval", "another node", "fraction", "proportion", "absent"]))
    n, seed = draw(SIZES), draw(st.integers(0, 50))
    bounds = draw(
        st.sampled_from([{"at_least": 0.5}, {"at_least": None, "at_most": 0.5}, {"at_least": 0, "at_most": 1}])
    )
    generator = np.random.default_rng(seed)
    if kind == "proportion":
        values = (generator.random((2, n)) < np.array([[draw(st.floats(0, 1))], [draw(st.floats(0, 1))]])).astype(float)
        if draw(st.booleans()):
            values[1] = values[0]
        pair = [accuracy(np.flatnonzero(each), n, **bounds) for each in values]
    elif kind == "fraction":
        parts = draw(st.tuples(*[st.floats(0.1, 3)] * 2)), draw(st.tuples(*[st.floats(1, 6)] * 2))
        pair = [fraction(numerator, whole, **bounds) for numerator, whole in zip(*parts, strict=True)]
    else:
        values = around(draw(MEANS), 1, seed=seed, n=n)
        shift = draw(SHIFTS)
        spread = max(draw(SPREADS), 0.003 if shift else 0.0)  # the same difference on every prompt has no interval
        moved = values + shift + generator.normal(0, 1, n) * spread
        given = {"kind": "absent", "outcome": "fail"} if kind == "absent" else {}
        pair = [logits(each, **bounds, **given) for each in (values, moved)]
        if kind == "by interval":
            pair = [by_interval(each) for each in pair]
        if kind == "another node":
            pair = [replace(each, deciding=node) for each, node in zip(pair, ("L0H1", "L0H2"), strict=True)]
    return [as_stored(each) for each in pair]


@settings(max_examples=300, deadline=None)
@given(pairs_of_measurements())
def test_the_three_never_contradict_each_other(pair):
    """A check that one face calls changed is unchanged by none, and its direction is the same by all."""
    before, after = pair
    change, drifts = of_compare(before, after), of_baseline(before, after).drifts
    if before.outcome == after.outcome:  # else `compare` reports the outcome, which a baseline does not hold
        assert (change.state in ("drifted", "improved", "prompts moved")) == bool(drifts)
    direction = change.change.direction
    if drifts and drifts[0].prompts is None:
        assert drifts[0].change.direction == direction
        assert direction in ("rose", "fell")
        assert change.state == (
            "improved"
            if drifts[0].better
            and run_comparison.OUTCOME_RANK[before.outcome] >= run_comparison.OUTCOME_RANK[after.outcome]
            else "drifted"
        )
    else:
        assert direction in ("unchanged", "inconclusive")
    if before.per_prompt and before.parts is None and before.deciding == after.deciding:
        (effect_change,) = of_reference(before, after).effects
        equivalence = effect_change.equivalence_test.direction
        assert effect_change.difference_test.direction == direction
        if equivalence in ("rose", "fell"):  # beyond the larger margin is beyond the smaller one
            assert direction == equivalence
        if direction == "unchanged":  # within the smaller margin is within the larger one
            assert equivalence == "unchanged"
        if effect_change.state == "kept" and direction in ("rose", "fell"):  # another question, and the text says so
            assert f"(it {direction} significantly, but within the margin)" in reference_model._effect_line(
                effect_change
            )


@given(st.integers(2, 12), st.integers(0, 100))
def test_a_larger_family_makes_a_change_inconclusive_and_never_unchanged(others, seed):
    """`compare` corrects over both runs and a baseline over one behaviour, so only one may find a change."""
    moved = logits(VALUES + np.random.default_rng(seed).normal(0.06, 0.3, N))
    change = change_between(logits(VALUES), moved, 0.02, independent(N))
    same = change_between(logits(VALUES), logits(VALUES), 0.02, independent(N))
    alone, *_ = with_holm_correction([change])
    among, *_ = with_holm_correction([change, *[same] * others])
    assert among.p_value >= alone.p_value
    if alone.direction in ("rose", "fell"):
        assert among.direction in (alone.direction, "inconclusive")
        assert not among.is_same_number
    else:
        assert among.direction == alone.direction


@given(st.floats(-100, 100), st.floats(0, 10))
def test_equivalence_is_never_stricter_than_difference(mean, spread):
    values = around(mean, spread)
    estimate = replace(logits(VALUES).estimate, value=float(values.mean()))
    assert margins.equivalence_margin(values) >= margins.change_margin(estimate)
    assert margins.prompt_margin(values) >= margins.change_margin(estimate)
    assert margins.rounding_margin(estimate, estimate) < margins.change_margin(estimate)
