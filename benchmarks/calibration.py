"""The calibration section of the benchmarks page: tables of `mi-checks calibrate`, and remarks on deviations."""

from __future__ import annotations

from pathlib import Path

from mi_checks.output.numbers import percent
from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibration import Calibration
from mi_checks.studies.calibration.calibration_output import calibration_tables
from mi_checks.studies.calibration.false_positive_rates import Rate
from mi_checks.studies.calibration.interval_coverage import IntervalCoverage
from mi_checks.studies.calibration.nulls import AT_THE_BOUND, FRESH_MODELS, RANDOM_ANSWERS

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
    most = max((row.passed for row in without if row.passed), key=lambda rate: rate.share)
    shipped = [row for row in without if row.as_shipped and row.as_shipped.hits]
    worst = max((row.as_shipped for row in without if row.as_shipped), key=lambda rate: rate.share)
    above = [row.claim for row in without if row.passed and row.passed.beside == "above"]
    bound = {row.claim: row for row in counted.rows if row.null == AT_THE_BOUND}
    attention = max((row for row in bound.values() if row.kind == "attention"), key=lambda row: _share(row.passed))
    completeness = next(row for row in bound.values() if "completeness" in row.claim)
    family = next(
        each for each in counted.rejections if each.values == "skewed downwards: exponential" and each.n == 64
    )
    return [
        f"- Where there is no effect, no claim held to its null value passed more often than {_percent(most)} of runs, "
        + ("all within binomial error of 2.5 % or below." if not above else f"above 2.5 %: {', '.join(above)}."),
        f"- With typical bounds, {len(shipped)} of {len(without)} claims ever passed, at most {_percent(worst)} "
        "of runs: fractions, in the runs in which the effect size happened to be above zero. Their behaviour fails all "
        "the same, since its `logit_diff` fails.",
        "- Fractions are conservative if there is no effect, since they need an effect size above zero. Where chance "
        "produces one they pass often: a node that carries the logits also carries an effect size made of noise. "
        "`minimal`, `sufficient` and `necessary` are conservative by their corrections and the wider of two intervals.",
        f"- `{writes.claim}`, what a head writes of the norm of another's input, is {writes.shipped} in "
        f"{_percent(writes.as_shipped)} of untrained models: it says how large a part is, and is no evidence that it "
        "was learned.",
        "- Attention is skewed over prompts, most of all near 1, and its interval too short on that side: held to "
        f"exactly what is true, `{attention.claim}` ({attention.bound}) passes in {_percent(attention.passed)} of "
        "runs. Leave a bound of attention room.",
        "- Completeness is a mean of absolute values, which noise makes larger: held to what is true it surely fails "
        f"in {_percent(completeness.failed)} of runs and passes in {_percent(completeness.passed)}: it errs against "
        "the claim.",
        f"- The percentile bootstrap is short on few and skewed prompts: of lognormal values it covers "
        f"{_covers(counted, 'bootstrap', SKEWED, 16)} of 16, {_covers(counted, 'bootstrap', SKEWED, 64)} of 64 and "
        f"{_covers(counted, 'bootstrap', SKEWED, 256)} of 256. The studentized bootstrap covers "
        f"{_covers(counted, 'bootstrap-t', SKEWED, 16)}, {_covers(counted, 'bootstrap-t', SKEWED, 64)} and "
        f"{_covers(counted, 'bootstrap-t', SKEWED, 256)}, but of heavy tails "
        f"{_covers(counted, 'bootstrap-t', TAILS, 64)} of 64 where the percentile covers "
        f"{_covers(counted, 'bootstrap', TAILS, 64)}, and of values nearly all alike "
        f"{_covers(counted, 'bootstrap-t', ALIKE, 64)} against {_covers(counted, 'bootstrap', ALIKE, 64)}; BCa lies "
        "between. None is better everywhere; more prompts are (`--mi-count`).",
        "- Holm keeps the rate of a family of t-tests on symmetric values. Where all nodes' effects are skewed "
        f"downwards, each by itself, {_percent(family.rejected)} of families of 64 prompts have a node wrongly above.",
    ]


def _covers(counted: Calibration, way: str, values: str, n: int) -> str:
    cell: IntervalCoverage = next(
        each for each in counted.coverage if (each.interval, each.values, each.n) == (f"mean: {way}", values, n)
    )
    return _percent(cell.covered)


def _share(rate: Rate | None) -> float:
    return 0.0 if rate is None else rate.share


def _percent(rate: Rate | None) -> str:
    return percent(_share(rate))
