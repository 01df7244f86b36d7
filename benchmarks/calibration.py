"""The calibration section of the benchmarks page: tables of `mi-checks calibrate`, and remarks on deviations."""

from __future__ import annotations

from pathlib import Path

from mi_checks.output.numbers import percent
from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibration_output import calibration_tables
from mi_checks.studies.calibration.false_positive_rates import Rate
from mi_checks.studies.calibration.interval_coverage import IntervalCoverage
from mi_checks.studies.calibration.nulls import AT_THE_BOUND, FRESH_MODELS, RANDOM_ANSWERS
from mi_checks.studies.calibration.run_calibration import Calibration

SKEWED, TAILS, ALIKE = "very skewed: lognormal", "heavy tails: t, 3 degrees", "nearly all alike"


def section(path: Path) -> str:
    """Return the section for the JSON of a calibration."""
    counted = calibration_output.read_calibration(path.read_text(encoding="utf-8"))
    return "\n".join([*remarks(counted), "", *calibration_output.markdown_lines(calibration_tables(counted), level=3)])


def remarks(counted: Calibration) -> list[str]:
    """Return remarks on every deviation from the nominal rates, and on what follows from it."""
    all_of_null = [row for row in counted.rows if row.null in (FRESH_MODELS, RANDOM_ANSWERS)]
    without = [row for row in all_of_null if row.bound or row.kind != "composes"]
    (writes,) = (row for row in all_of_null if row not in without)
    most = max((row.passed for row in without if row.passed), key=lambda rate: rate.fraction)
    shipped = [row for row in without if row.as_shipped and row.as_shipped.hits]
    worst = max((row.as_shipped for row in without if row.as_shipped), key=lambda rate: rate.fraction)
    above = [row.claim for row in without if row.passed and row.passed.comparison == "above"]
    bound = {row.claim: row for row in counted.rows if row.null == AT_THE_BOUND}
    attention = max((row for row in bound.values() if row.kind == "attention"), key=lambda row: _rate_value(row.passed))
    completeness = next(row for row in bound.values() if "completeness" in row.claim)
    family = next(
        each for each in counted.rejections if each.values == "skewed downwards: exponential" and each.n == 64
    )
    return [
        "- If there is no effect and the bound is the value without an effect, no claim passed in more than "
        f"{_percent(most)} of runs. "
        + (
            "All of these rates are below 2.5 %, or above it by no more than binomial error."
            if not above
            else f"These claims are significantly above 2.5 %: {', '.join(above)}."
        ),
        f"- With typical bounds, {len(shipped)} of {len(without)} claims ever passed, in at most {_percent(worst)} of "
        "runs. They are claims about fractions, and passed in runs in which the effect size was above zero by chance. "
        "The behaviour fails nevertheless, because its `logit_diff` fails.",
        "- Claims about fractions are conservative without an effect, because they need an effect size above zero. In "
        "runs that have one by chance they often pass, because a node that writes the logits also writes the noise "
        "that the effect size consists of. `minimal`, `sufficient` and `necessary` are conservative because of their "
        "corrections and because the wider of two intervals is used.",
        f"- `{writes.claim}`, the fraction of another head's input that a head writes, is {writes.shipped} in "
        f"{_percent(writes.as_shipped)} of untrained models. It measures a magnitude, and a high value is not evidence "
        "of learning.",
        "- Attention is skewed over prompts, especially near 1, and its interval is too short on that side. If the "
        f"bound is the true value, `{attention.claim}` ({attention.bound}) passes in {_percent(attention.passed)} of "
        "runs. Choose bounds on attention with a margin.",
        "- Completeness is a mean of absolute values, which noise increases. If the bound is the true value, it fails "
        f"in {_percent(completeness.failed)} of runs and passes in {_percent(completeness.passed)}, so it errs against "
        "the claim.",
        "- The coverage of the percentile bootstrap is below nominal for few prompts with skewed values: for lognormal "
        f"values it is {_covered(counted, 'bootstrap', SKEWED, 16)} with 16 prompts, "
        f"{_covered(counted, 'bootstrap', SKEWED, 64)} with 64 and {_covered(counted, 'bootstrap', SKEWED, 256)} with "
        f"256. That of the studentized bootstrap is {_covered(counted, 'bootstrap-t', SKEWED, 16)}, "
        f"{_covered(counted, 'bootstrap-t', SKEWED, 64)} and {_covered(counted, 'bootstrap-t', SKEWED, 256)}; but with "
        f"64 prompts it is {_covered(counted, 'bootstrap-t', TAILS, 64)} for heavy tails (percentile: "
        f"{_covered(counted, 'bootstrap', TAILS, 64)}) and {_covered(counted, 'bootstrap-t', ALIKE, 64)} for nearly "
        f"equal values (percentile: {_covered(counted, 'bootstrap', ALIKE, 64)}); BCa lies between the two. No method "
        "is better in every case; more prompts always help (`--mi-count`).",
        "- Holm's correction controls the family-wise error rate of t-tests on symmetric values. If the effects of all "
        "nodes are independently skewed downwards, a node is falsely found to be above the bound in "
        f"{_percent(family.rejected)} of families with 64 prompts.",
    ]


def _covered(counted: Calibration, method: str, values: str, n: int) -> str:
    cell: IntervalCoverage = next(
        each for each in counted.coverage if (each.interval, each.values, each.n) == (f"mean: {method}", values, n)
    )
    return _percent(cell.covered)


def _rate_value(rate: Rate | None) -> float:
    return 0.0 if rate is None else rate.fraction


def _percent(rate: Rate | None) -> str:
    return percent(_rate_value(rate))
