"""A run as a pandas data frame. pandas is imported only when a frame is requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mi_checks.errors import MiChecksError
from mi_checks.results.run import CheckResult, Run

if TYPE_CHECKING:
    import pandas as pd

ESTIMATE_COLUMNS = ("value", "low", "high", "n", "unit", "method", "over", "clusters", "clustered_by")
MODEL_COLUMNS = ("source", "revision", "weights_sha256", "tokenizer_sha256", "dtype", "device", "engine")
RESULT_COLUMNS = (
    "behaviour", "model", "check", "kind", "outcome", "bound", "at_least", "at_most", "message", "location",
    "node_id", "seconds", "prompts_sha256", "per_prompt", "deciding", "detail", "reason",
    "p_value", "declared",
)  # fmt: skip
CLAIM_COLUMNS = ("quantity", "nodes", "at")
PARTS_COLUMNS = ("numerator", "denominator")  # the means in a fraction, in the unit of the score
COLUMNS = (
    *RESULT_COLUMNS[:5],
    *CLAIM_COLUMNS,
    *ESTIMATE_COLUMNS,
    "refusal",
    *RESULT_COLUMNS[5:],
    *PARTS_COLUMNS,
    *MODEL_COLUMNS,
    "started",
)


def frame(run: Run) -> pd.DataFrame:
    """Return a frame with a row for each check result, in the order of the run, and the columns `COLUMNS`.

    Values that were not measured are missing (`value`, `low`, `high`, `n`, …), as are the ends of an interval that
    would not hold; `refusal` says why. `per_prompt` contains tuples.

    Raises:
        MiChecksError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MiChecksError(
            "a data frame needs pandas, which is not installed: pip install -c constraints.txt -e '.[pandas]'"
        ) from None
    table = pd.DataFrame([_row(result, run) for result in run.results], columns=list(COLUMNS))
    numbers = dict.fromkeys(
        ("value", "low", "high", "at_least", "at_most", "seconds", "p_value", *PARTS_COLUMNS), "float64"
    )
    return table.astype({**numbers, "n": "Int64", "clusters": "Int64"})


def _row(result: CheckResult, run: Run) -> dict[str, Any]:
    model = run.models.get(result.model, {})
    refusal = None if result.estimate is None else result.estimate.refusal
    no_ends = {} if refusal is None else {"low": None, "high": None}
    return {
        **{name: getattr(result, name) for name in RESULT_COLUMNS if name != "location"},
        "location": str(result.place),
        **{name: getattr(result.claim, name, None) for name in CLAIM_COLUMNS},
        **{name: getattr(result.estimate, name, None) for name in ESTIMATE_COLUMNS},
        **no_ends,
        "refusal": None if refusal is None else refusal.reason,
        **{name: getattr(getattr(result.parts, name, None), "value", None) for name in PARTS_COLUMNS},
        **{name: model.get(name) for name in MODEL_COLUMNS},
        "started": run.started,
    }
