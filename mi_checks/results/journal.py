"""What a run has measured so far, written as it goes: what is left of a run that is killed.

Beside the run's file lies `NAME.part` (of a worker of `pytest -n`: `NAME.gw0.part`), a line for each batch: a run of
its own that holds what was measured since the line before. A line that was cut is dropped. When the run itself is
written, these are deleted.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mi_checks.results.run import Run
from mi_checks.results.write_run import run_text

SUFFIX = ".part"
TOGETHER = datetime.timedelta(minutes=1)  # within which workers of one run begin
PAUSE = 10.0  # seconds between lines: a kill loses no more, and a short run writes none


class Journal:
    """Writes one; a folder that cannot be written costs a killed run, not the one that ends."""

    def __init__(self, kept_run: Path, worker: str) -> None:
        """`worker` is the name of this process among those of `pytest -n`; empty where it is the only one."""
        self._path = kept_run.with_name(f"{kept_run.name}{'.' * bool(worker)}{worker}{SUFFIX}")
        self._last = time.monotonic()
        self._begun = False
        self._told: tuple[int, int, set[tuple[str, str]]] = (0, 0, set())

    @property
    def due(self) -> bool:
        """Whether it is time for a line."""
        return time.monotonic() - self._last >= PAUSE

    def add(self, run: Run) -> None:
        """Write what is new since the last line; `run` is the whole so far, its results in the order they came in."""
        results, mutants, evidence = self._told
        new = replace(
            run,
            results=run.results[results:],
            mutants=run.mutants[mutants:],
            evidence=tuple(each for each in run.evidence if (each.behaviour, each.model) not in evidence),
        )
        self._last = time.monotonic()
        self._told = (len(run.results), len(run.mutants), {(each.behaviour, each.model) for each in run.evidence})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a" if self._begun else "w", encoding="utf-8", newline="") as file:
                file.write(run_text(new))
        except OSError:
            return
        self._begun = True


def parts(kept_run: Path) -> Sequence[Path]:
    """Journals that lie beside a run's file, whether that is there or not."""
    names = (path.name for path in kept_run.parent.glob("*" + SUFFIX)) if kept_run.parent.is_dir() else ()
    return [kept_run.with_name(name) for name in sorted(names) if name.startswith(kept_run.name + ".")]


def forget(kept_run: Path) -> None:
    """Delete them: the run has ended, or another one begins."""
    for path in parts(kept_run):
        path.unlink(missing_ok=True)


def joined(found: Sequence[Run]) -> Run:
    """Lines of journals as one run, of everything the latest; lines of an older run, killed as well, are left out."""
    last = max(found, key=lambda run: (run.started, run.seconds))
    begun = datetime.datetime.fromisoformat(last.started)
    runs = [run for run in found if begun - datetime.datetime.fromisoformat(run.started) < TOGETHER]
    evidence = {(each.behaviour, each.model): each for run in runs for each in run.evidence}
    results = {each.node_id: each for run in runs for each in run.results}
    return replace(
        last,
        models={name: told for run in runs for name, told in run.models.items()},
        results=tuple(results.values()),
        evidence=tuple(evidence.values()),
        mutants=tuple(each for run in runs for each in run.mutants),
        lints=tuple(dict.fromkeys(lint for run in runs for lint in run.lints)),
        guards={name: guards for run in runs for name, guards in run.guards.items()},
        omitted=tuple(dict.fromkeys(sentence for run in runs for sentence in run.omitted)),
    )
