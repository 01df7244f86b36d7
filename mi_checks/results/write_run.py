"""`Run` → `run.json`, written so that a reader never sees half of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mi_checks.files import write_file
from mi_checks.results.as_data import as_data
from mi_checks.results.run import Run

DIGITS = 6  # significant, of what is kept per prompt: half the size, and far more than float32 means


def run_text(run: Run) -> str:
    """One line of JSON with sorted keys; values per prompt are rounded to six significant digits.

    Raises:
        ValueError: a number is NaN or infinite, which cannot occur.
    """
    data = as_data(run)
    for each in (*data["results"], *(evidence["effect"] for evidence in data["evidence"])):
        each["per_prompt"] = _rounded(each["per_prompt"])
    for evidence in data["evidence"]:
        evidence["effect_sizes"] = _rounded(evidence["effect_sizes"])
    return json.dumps(data, sort_keys=True, allow_nan=False, ensure_ascii=True, separators=(",", ":")) + "\n"


def write_run(run: Run, path: Path) -> None:
    """Write the run; an older one stays whole until the new one is.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, run_text(run), "the run", "name another file (--mi-run)")


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
