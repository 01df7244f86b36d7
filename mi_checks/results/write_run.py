"""A run written to its file, and the journal of a run that has not ended.

The journal `NAME.part` (of a worker of `pytest -n`: `NAME.gw0.part`) lies beside the run's file and has one line for
each batch: a run that holds what was measured since the line before. An incomplete last line is ignored when it is
read. When the run itself is written, its journals are deleted.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mi_checks.files import write_file
from mi_checks.results.run import Run

LEAF_TYPES = (str, int, float, bool, type(None))
EXACT_LEAF_TYPES = frozenset(LEAF_TYPES)
PER_PROMPT_DIGITS = 6  # significant digits of values per prompt: half the size, and far more than float32 means
JOURNAL_SUFFIX = ".part"
MAX_WORKER_DELAY = datetime.timedelta(minutes=1)  # between the starts of the workers of one run
LINE_INTERVAL_S = 10.0  # seconds between lines: a kill loses no more, and a shorter run writes none


def as_data(value: Any) -> Any:
    """Return dataclasses as dicts and tuples as lists, as `dataclasses.asdict` does, but without copying every leaf."""
    if isinstance(value, LEAF_TYPES):
        return value
    names = _field_names(type(value))  # type: ignore[arg-type]  # a class is hashable
    if names:
        return {name: as_data(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {name: as_data(each) for name, each in value.items()}
    if EXACT_LEAF_TYPES.issuperset(map(type, value)):
        return list(value)
    return [as_data(each) for each in value]


def run_text(run: Run) -> str:
    """Return the run as one line of JSON with sorted keys; values per prompt are rounded to six significant digits.

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
    """Write the run; a reader never sees an incomplete file, and an older run is replaced only at the end.

    Raises:
        MiChecksError: the file cannot be written.
    """
    write_file(path, run_text(run), "the run", "name another file (--mi-run)")


class Journal:
    """The writer of a journal. If its folder cannot be written, only a run that is killed loses anything."""

    def __init__(self, run_file: Path, worker: str) -> None:
        """Begin with nothing written.

        Args:
            run_file: the file to which the run is written when it ends.
            worker: the name of this process among those of `pytest -n`; "" if it is the only one.
        """
        self._path = run_file.with_name(f"{run_file.name}{'.' * bool(worker)}{worker}{JOURNAL_SUFFIX}")
        self._last_write = time.monotonic()
        self._begun = False
        self._n_results = self._n_mutants = 0  # written so far
        self._evidence: set[tuple[str, str]] = set()  # behaviours and models whose evidence is written

    @property
    def due(self) -> bool:
        """Return whether it is time for a line."""
        return time.monotonic() - self._last_write >= LINE_INTERVAL_S

    @property
    def has_evidence(self) -> bool:
        """Return whether the evidence of any behaviour is written."""
        return bool(self._evidence)

    def add(self, run: Run) -> None:
        """Write what is new since the last line.

        Args:
            run: the whole run so far, with its results in the order in which they were measured.
        """
        new = replace(
            run,
            results=run.results[self._n_results :],
            mutants=run.mutants[self._n_mutants :],
            evidence=tuple(each for each in run.evidence if (each.behaviour, each.model) not in self._evidence),
        )
        self._last_write = time.monotonic()
        self._n_results, self._n_mutants = len(run.results), len(run.mutants)
        self._evidence = {(each.behaviour, each.model) for each in run.evidence}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a" if self._begun else "w", encoding="utf-8", newline="") as file:
                file.write(run_text(new))
        except OSError:
            return
        self._begun = True


def journal_files(run_file: Path) -> Sequence[Path]:
    """Return the journals that lie beside a run's file, whether that exists or not."""
    folder = run_file.parent
    names = (path.name for path in folder.glob("*" + JOURNAL_SUFFIX)) if folder.is_dir() else ()
    return [run_file.with_name(name) for name in sorted(names) if name.startswith(run_file.name + ".")]


def delete_journals(run_file: Path) -> None:
    """Delete the journals beside a run's file, because the run has ended or another one begins."""
    for path in journal_files(run_file):
        path.unlink(missing_ok=True)


def join_journals(lines: Sequence[Run]) -> Run:
    """Return the lines of journals as one run, with the latest of everything; lines of an older run are left out."""
    last = max(lines, key=lambda run: (run.started, run.seconds))
    started = datetime.datetime.fromisoformat(last.started)
    runs = [run for run in lines if started - datetime.datetime.fromisoformat(run.started) < MAX_WORKER_DELAY]
    evidence = {(each.behaviour, each.model): each for run in runs for each in run.evidence}
    results = {each.node_id: each for run in runs for each in run.results}
    return replace(
        last,
        models={name: provenance for run in runs for name, provenance in run.models.items()},
        results=tuple(results.values()),
        evidence=tuple(evidence.values()),
        mutants=tuple(each for run in runs for each in run.mutants),
        lints=tuple(dict.fromkeys(lint for run in runs for lint in run.lints)),
        guards={name: guards for run in runs for name, guards in run.guards.items()},
        omitted=tuple(dict.fromkeys(sentence for run in runs for sentence in run.omitted)),
    )


@cache
def _field_names(of: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of)) if is_dataclass(of) else ()


def _rounded(values: Sequence[float]) -> list[float]:
    return list(map(float, (f"%.{PER_PROMPT_DIGITS}g " * len(values) % tuple(values)).split()))
