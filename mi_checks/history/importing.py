"""Files of runs, from here or elsewhere, into the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import placed
from mi_checks.history.run_store import Entry, History
from mi_checks.results.read_run import NoRun, parse_run, read_text

TOGETHER = 32  # files that are read before the database is locked and they are added


@dataclass(frozen=True)
class Imported:
    """What became of files.

    Attributes:
        new: runs that were added.
        known: runs that were there already.
        passed_over: JSON files in the folders that hold something else.
        wrong: what is the matter with files that should hold a run, and do not.
    """

    new: int
    known: int
    passed_over: tuple[Path, ...]
    wrong: tuple[str, ...]


def import_runs(history: History, paths: Sequence[Path]) -> Imported:
    """Add every run in files, and in folders and those below them.

    Files that cannot be read keep the others from nothing. Runs go in by the batch: a kill leaves whole ones.

    Raises:
        MiChecksError: a folder has no JSON in it.
    """
    named = [(file, path.is_dir()) for path in paths for file in _files(path)]
    new = known = 0
    passed_over: list[Path] = []
    wrong: list[str] = []
    for begin in range(0, len(named), TOGETHER):
        entries = []
        for file, found in named[begin : begin + TOGETHER]:
            try:
                with placed(f"{file}: reading it"):
                    text = read_text(file)
                    entries.append(Entry(parse_run(text, file), text, str(file.absolute())))
            except NoRun as error:
                passed_over += [file] if found else []
                wrong += [] if found else [str(error)]
            except MiChecksError as error:
                wrong.append(str(error))
        added = history.add(entries)
        new, known = new + added.new, known + added.known
    return Imported(new, known, tuple(passed_over), tuple(wrong))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("*.json"))
    if not found:
        raise MiChecksError(f"there is no JSON in the folder {str(path)!r}; name run files or folders of them")
    return found
