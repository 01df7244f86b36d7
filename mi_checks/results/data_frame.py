"""`Run` → a pandas frame. pandas is imported only here, and only when a frame is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mi_checks.errors import MiChecksError
from mi_checks.results.run import CheckResult, Run

if TYPE_CHECKING:
    import pandas as pd

ESTIMATE = ("value", "low", "high", "n", "unit", "method", "over")
MODEL = ("source", "revision", "weights_sha256", "tokenizer_sha256", "dtype", "device", "engine")
RESULT = (
    "behaviour", "model", "check", "kind", "outcome", "bound", "at_least", "at_most", "message", "location",
    "node_id", "seconds", "prompts_sha256", "per_prompt", "deciding", "detail", "reason",
)  # fmt: skip
CLAIM = ("quantity", "nodes", "at")
PARTS = ("numerator", "denominator")  # of a fraction, the means, in the score's unit
COLUMNS = (*RESULT[:5], *CLAIM, *ESTIMATE, *RESULT[5:], *PARTS, *MODEL, "started")


def frame(run: Run) -> pd.DataFrame:
    """One row per check result, in the order they ran, with the columns `COLUMNS`.

    What was not measured is missing (`value`, `low`, `high`, `n`, …); `per_prompt` holds tuples, `prompt`.

    Raises:
        MiChecksError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MiChecksError(
            "a frame needs pandas, which is not installed: pip install -c constraints.txt -e '.[pandas]'"
        ) from None
    table = pd.DataFrame([_row(result, run) for result in run.results], columns=list(COLUMNS))
    numbers = dict.fromkeys(("value", "low", "high", "at_least", "at_most", "seconds", *PARTS), "float64")
    return table.astype({**numbers, "n": "Int64"})


def _row(result: CheckResult, run: Run) -> dict[str, Any]:
    model = run.models.get(result.model, {})
    return {
        **{name: getattr(result, name) for name in RESULT if name != "location"},
        "location": str(result.place),
        **{name: getattr(result.claim, name, None) for name in CLAIM},
        **{name: getattr(result.estimate, name, None) for name in ESTIMATE},
        **{name: getattr(getattr(result.parts, name, None), "value", None) for name in PARTS},
        **{name: model.get(name) for name in MODEL},
        "started": run.started,
    }
