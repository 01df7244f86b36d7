"""One run of pytest into the history, if it was asked for."""

from __future__ import annotations

from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.history.run_store import Entry, History
from mi_checks.results.run import Run
from mi_checks.results.write_run import run_text
from mi_checks.spec.load_file import shown_path


class Keeping:
    """What pytest's session asks about the history.

    Attributes:
        failed: why the run could not be added; empty as long as it could.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self.failed = ""
        self._path = path
        self._root = root
        self._added = False

    def add(self, run: Run, written: Path) -> None:
        """Add the run, which is in a file already: whatever happens here, it can be imported from there."""
        if self._path is None:
            return
        place = str(written.absolute())
        try:
            with History.at(self._path, create=True) as history:
                history.add([Entry(run, run_text(run), place)])
            self._added = True
        except MiChecksError as error:
            self.failed = f"{error}; the run itself is kept, and mi-checks history import {written} adds it later"

    def summary(self) -> list[str]:
        """Return the terminal's last line about the history."""
        if self._path is None or not (self._added or self.failed):
            return []
        return [f"history: {self.failed or shown_path(self._path, self._root)}"]
