"""The counts of a calibration as JSON, for programs and for reading them back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from mi_checks.output.json_text import json_text
from mi_checks.studies.calibration.calibration import Calibration
from mi_checks.studies.calibration.coverage import Coverage
from mi_checks.studies.calibration.rate import Rate
from mi_checks.studies.calibration.rejections import Rejections
from mi_checks.studies.calibration.verdict_rows import Row

_RATES = ("passed", "with_gap", "failed", "as_shipped", "covered", "above", "below", "rejected")


def document(calibration: Calibration) -> str:
    """Return one JSON object; each rate has its hits, its runs and its nominal probability."""
    return json_text(asdict(calibration))


def read(text: str) -> Calibration:
    """Parse the JSON of `document`."""
    data = json.loads(text)
    return Calibration(
        data["runs"],
        data["draws"],
        data["seed"],
        tuple(Row(**_with_rates(row)) for row in data["rows"]),
        tuple(Coverage(**_with_rates(row)) for row in data["coverage"]),
        tuple(Rejections(**_with_rates(row)) for row in data["rejections"]),
    )


def _with_rates(row: dict[str, Any]) -> dict[str, Any]:
    return {key: Rate(**value) if key in _RATES and value is not None else value for key, value in row.items()}
