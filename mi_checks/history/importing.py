"""The import of run files into the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import report_errors_at
from mi_checks.history.run_store import Entry, History
from mi_checks.results.read_run import NoRun, parse_run, read_text

BATCH_FILES = 32  # read before the database is locked and their runs are added together


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    Attributes:
        new: the number of runs that were added.
        known: the number of runs that were there already.
        passed_over: JSON files in the folders that are not runs.
        wrong: a message for each named file that is not a run, and for each file that cannot be read.
    """

    new: int
    known: int
    passed_over: tuple[Path, ...]
    wrong: tuple[str, ...]


def import_runs(history: History, paths: Sequence[Path]) -> Imported:
    """Add the runs in files and folders, including subfolders.

    A file that cannot be read does not stop the import. Runs are added in batches, so that a kill leaves only whole
    runs.

    Raises:
        MiChecksError: a folder has no JSON file.
    """
    files = [(file, path.is_dir()) for path in paths for file in _files(path)]
    new = known = 0
    passed_over: list[Path] = []
    mistakes: list[str] = []
    for begin in range(0, len(files), BATCH_FILES):
        entries = []
        for file, in_folder in files[begin : begin + BATCH_FILES]:
            try:
                with report_errors_at(f"{file}: reading it"):
                    text = read_text(file)
                    entries.append(Entry(parse_run(text, file), text, str(file.absolute())))
            except NoRun as error:
                passed_over += [file] if in_folder else []
                mistakes += [] if in_folder else [str(error)]
            except MiChecksError as error:
                mistakes.append(str(error))
        added = history.add(entries)
        new, known = new + added.new, known + added.known
    return Imported(new, known, tuple(passed_over), tuple(mistakes))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.rglob("*.json"))
    if not files:
        raise MiChecksError(f"there is no JSON in the folder {str(path)!r}; name run files or folders of them")
    return files
