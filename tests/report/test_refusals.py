"""An estimate without an interval is shown as one, wherever it is shown."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.ci.ci_summary import ci_summary
from mi_checks.compare.run_comparison import compare_runs
from mi_checks.output.failure_lines import brief_message, measured_line
from mi_checks.prompts.factors import factor
from mi_checks.report.interval_charts import dumbbell_chart, interval_chart, shared_axes, trend_chart
from mi_checks.report.single_page import render
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import SamplingDesign
from tests.effects import around, effect, evidence_of
from tests.made_results import result, run_of

WHY = "7 prompts are too few for an interval; use at least 8 (--mi-count 8)"


def refused(**given):
    """A check of seven prompts, with what its message and its reason would say."""
    found = result("logit_diff", around(3, 0.1, n=7), **{"at_least": 2, **given})
    line = measured_line(found.estimate, "over 7 prompts", found.estimate.method)
    message = f"inconclusive: measured 3.000 (no interval), bound at least 2\n{line}\n  because   {WHY}"
    return replace(found, message=message, reason=WHY)


def test_it_is_inconclusive():
    assert (refused().outcome, refused().estimate.refusal.need) == ("inconclusive", 8)


def test_messages():
    (line,) = [each for each in brief_message(refused().message, refused()).splitlines() if "measured  " in each]
    assert line == "  measured  3.000 logits (no interval; over 7 prompts)"
    assert "[3.00" not in ci_summary(run_of(refused()))
    assert "3.00 (no interval) logits" in ci_summary(run_of(refused()))


def test_a_chart_is_a_hollow_dot_and_says_why():
    chart = interval_chart(refused())
    assert (chart.low, chart.high) == (None, None)
    assert chart.title == f"logit_diff on nano-attn-2l: inconclusive; no interval: {WHY}"
    page = render(run_of(refused(), evidence=[evidence_of(effect("nano-attn-2l", around(3, 0.1, n=7)))]))
    assert page.count('class="dot hollow"') == 1
    assert 'class="wh"' not in page
    assert "(no interval)" in page


def test_charts_of_changes_and_of_trends():
    few, many = refused().estimate, result("logit_diff", around(3)).estimate
    chart = dumbbell_chart("x", few, many, shared_axes([(few, many)])["logits"])
    assert (chart.before.low, chart.after.low is None) == (None, False)
    assert chart.title == f"x; no interval: {WHY}"
    first, second = trend_chart("x", [few, many]).points
    assert (first.low, second.low is None) == (None, False)


def test_a_comparison_with_one_is_inconclusive_and_says_why():
    passed = result("logit_diff", around(3, 0.1, n=7), at_least=2)
    clear = replace(passed, outcome="pass", estimate=replace(passed.estimate, low=2.9, high=3.1, refusal=None))
    moved = replace(refused(), model="nano-attn-2l", per_prompt=())
    for before, after in ((clear, moved), (moved, clear), (moved, moved)):
        (change,) = compare_runs(run_of(before), run_of(after))
        assert (change.state, change.p_value) == ("inconclusive", 1.0)
        assert change.notes[-1] == f"no interval: {WHY}"


@pytest.mark.parametrize(("n", "state"), [(64, "drifted"), (63, "inconclusive")])
def test_the_same_difference_on_every_prompt_is_judged_if_there_are_many(n, state):
    before, after = around(3, n=n), around(3, n=n) - 0.5
    (change,) = compare_runs(
        run_of(result("logit_diff", before), models={"nano-attn-2l": {"weights_sha256": "a"}}),
        run_of(replace(result("logit_diff", after), model="nano-attn-4l")),
    )
    assert change.state == state
    assert np.ptp(np.subtract(after, before)) < 1e-9
    if state == "inconclusive":
        assert change.notes[-1].startswith("no interval of the difference: almost all prompts have the same value")


def test_a_report_says_what_is_measured_and_where_a_claim_fares_worst():
    bracket = factor("bracket", (i % 3 for i in range(48)), sampled=False, labels=("'('", "'['", "'{'"))
    design = SamplingDesign(48, (factor("trigram", (i // 3 for i in range(48)), sampled=True), bracket))
    values = around(3, 0.1, n=48) - (np.arange(48) % 3 == 1)
    measured = replace(effect("nano-attn-2l", values), factors=design.factors)
    check = result("logit_diff", values, at_least=2)
    clustered = replace(check, estimate=mean_interval(values, "logits", design))
    html = render(run_of(clustered, evidence=[evidence_of(measured)]))
    assert "Measured over 16 values of trigram, across 3 fixed values of bracket" in html
    mean = values[np.arange(48) % 3 == 1].mean()
    assert f"worst value of bracket: &#39;[&#39; {mean:.2f} (of 3)" in html
    assert "<small>16 rows</small>" in html
    fewer = replace(measured, model="nano-attn-1l", factors=design.factors[1:])
    html = render(run_of(clustered, evidence=[evidence_of(measured), evidence_of(fewer)]))
    assert "Measured over" not in html  # each model has its own
    assert "48 prompt pairs over 16 values of trigram, across 3 fixed values of bracket" in html
    description = interval_chart(clustered, design).description
    assert description.endswith(
        "The interval is over 16 values of trigram, across 3 fixed values of bracket; 48 prompts."
    )
