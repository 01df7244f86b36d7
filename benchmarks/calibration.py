"""The calibration section of the benchmarks page: tables of `mi-checks calibrate`, and remarks on them."""

from __future__ import annotations

from pathlib import Path

from mi_checks.output.numbers import percent
from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibration_output import calibration_tables
from mi_checks.studies.calibration.false_positive_rates import Rate
from mi_checks.studies.calibration.nulls import AT_THE_BOUND, FRESH_MODELS, RANDOM_ANSWERS
from mi_checks.studies.calibration.run_calibration import Calibration


def section(path: Path) -> str:
    """Return the section for the JSON of a calibration."""
    counted = calibration_output.read_calibration(path.read_text(encoding="utf-8"))
    return "\n".join([*remarks(counted), "", *calibration_output.markdown_lines(calibration_tables(counted), level=3)])


def remarks(counted: Calibration) -> list[str]:
    """Return remarks on every deviation from what is promised, and on what follows from it."""
    without_effect = [row for row in counted.rows if row.null in (FRESH_MODELS, RANDOM_ANSWERS)]
    most = max((row.passed for row in without_effect if row.passed), key=lambda rate: rate.fraction)
    shipped = [row for row in without_effect if row.as_shipped and row.as_shipped.hits]
    worst = max((row.as_shipped for row in without_effect if row.as_shipped), key=lambda rate: rate.fraction)
    at_the_bound = [row for row in counted.rows if row.null == AT_THE_BOUND]
    above = [row.claim for row in counted.rows if row.passed and row.passed.comparison == "above"]
    cells = [cell for table in counted.tables for cell in table.cells]
    marked = [cell for cell in cells if cell.exceeds_promise]
    return [
        "- If there is no effect and the bound is the value without an effect, no claim passed in more than "
        f"{_percent(most)} of runs; with bounds at exactly the true value, in at most "
        f"{_percent(max((row.passed for row in at_the_bound if row.passed), key=lambda rate: rate.fraction))}. "
        + (
            "All of these rates are below 2.5 %, or above it by no more than binomial error."
            if not above
            else f"These claims are significantly above 2.5 %: {', '.join(above)}."
        ),
        f"- With typical bounds, {len(shipped)} of {len(without_effect)} claims ever passed without an effect, in at "
        f"most {_percent(worst)} of runs.",
        "- Claims about fractions are conservative without an effect, because they need an effect size above zero. In "
        "runs that have one by chance they often pass, because a node that writes the logits also writes the noise "
        "that the effect size consists of. `minimal`, `sufficient` and `necessary` are conservative because of their "
        "corrections and because the wider of two intervals is used.",
        f"- Of {len(cells)} cells of simulated samples, {len(marked) or 'none'} "
        f"{'exceeds' if len(marked) < 2 else 'exceed'} what is promised. docs/statistics.md explains the methods and "
        "what cannot be held.",
    ]


def _percent(rate: Rate | None) -> str:
    return percent(0.0 if rate is None else rate.fraction)
