"""One pytest run: its settings, the files it collected, what it measures, its report and its last words.

Light to import: the suite (torch, TransformerLens) is built when the first check runs, never for `--collect-only`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mi_checks.models.model_names import resolve
from mi_checks.plugin.baseline_files import BaselineFiles
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import Options
from mi_checks.plugin.output_files import OutputFiles
from mi_checks.plugin.run_items import ItemRunner
from mi_checks.plugin.session_results import SessionResults
from mi_checks.plugin.terminal_summary import TerminalSummary
from mi_checks.spec.additions import Additions
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.yaml_source import Position
from mi_checks.suite.conftests import additions
from mi_checks.suite.selection import BehaviourNames, load_file, models_of

if TYPE_CHECKING:
    import pluggy


class Session:
    """What pytest's hooks call."""

    def __init__(self, root: Path, options: Options, terminal: io.TextIOBase | None) -> None:
        """Begin a run.

        Args:
            root: pytest's root directory.
            options: of the run.
            terminal: where progress is shown; None: nowhere.
        """
        self.root = root
        self.options = options
        self.gathered = SessionResults(options)
        if options.debug:
            self.gathered.traces.start()
        self.locks = LockFiles(root, update=options.update)
        versions = {name: version for name, version in self.gathered.versions.items() if name != "pytest"}
        self.baselines = BaselineFiles(root, options.baselines, versions)
        self.measuring = ItemRunner(root, options, self.gathered, self.baselines, self.locks, terminal)
        self.files = OutputFiles(root, self.gathered, self.locks, self.baselines)
        self.last_words = TerminalSummary(self.gathered, self.files)
        self._names = BehaviourNames(root)
        self._paths: dict[Path, Path] = {}  # a file, links followed → the path that it is collected under
        self._added: dict[Path, Additions] = {}  # folder → what its conftest.py and those above add

    def is_first_path_of(self, path: Path, *, named: bool) -> bool:
        """Return whether a file is collected under this path, and not yet under another one that links to it.

        Args:
            path: the file.
            named: whether the user named this path, and so expects it to be collected.

        Raises:
            SpecError: it is collected under another path already, and this one is named; or it is a template.
        """
        shown = display_path(path, self.root)
        if path.name.startswith("_"):
            message = "a template, by the '_' before its name: it may be incomplete, and is never collected; run a file"
            raise SpecError([SpecProblem(shown, 1, 1, f"{message} that extends it, or rename it")])
        first = self._paths.setdefault(path.resolve(), path)
        if first != path and named:
            message = f"this is {display_path(first, self.root)}, which is collected already; name one of the two paths"
            raise SpecError([SpecProblem(shown, 1, 1, message)])
        return first == path

    def load(self, path: Path, hooks: pluggy.HookRelay, config: pytest.Config) -> tuple[LoadedBehaviour, ...]:
        """Return the behaviours in a file: one, or one for each of its cases.

        Raises:
            SpecError: every mistake in the file, or in the lock file beside it.
            MiChecksError: another file has a behaviour of that name, or what a conftest.py gives is no pool or score.
        """
        if path.parent not in self._added:
            self._added[path.parent] = additions(hooks, config, self.root)
        found = load_file(path, self.root, self._added[path.parent])
        if any(loaded.behaviour.roles for loaded in found):
            self.locks.require(path.parent)
        self.baselines.collected(found)
        self._names.claim(found)
        return found

    def models_for(self, loaded: LoadedBehaviour) -> tuple[str, ...]:
        """Return the models to run a behaviour on."""
        return models_of(loaded, self.options.models)

    def has_baseline(self, loaded: LoadedBehaviour, model: str, checks: Sequence[tuple[Check, Position]]) -> bool:
        """Whether there is one to compare a behaviour on a model with; of roles there is none."""
        if self.options.base is not None:  # the model is judged against another one, in place of its own past
            return False
        ids = [check.id for check, _ in checks if check.kind != "role"]
        claims = resolve(model).claims
        return self.baselines.wanted(loaded, claims, ids, "" if model == claims else model)

    def has_base(self, loaded: LoadedBehaviour) -> bool:
        """Whether models are judged against another one, of which a behaviour makes a claim."""
        return self.options.base is not None and resolve(self.options.base).claims in loaded.behaviour.models

    def stop(self) -> None:
        """End what outlives a session."""
        self.gathered.traces.stop()

    def to_wire(self) -> str:
        """Return everything measured here, for the controller of `pytest -n`."""
        return json.dumps(
            {
                **self.gathered.to_wire(),
                "roles": self.locks.to_wire(),
                "baselines": self.baselines.to_wire(),
                "ci": self.files.ci.to_wire(),
            }
        )

    def from_wire(self, wire: str) -> None:
        """Take over what a worker measured."""
        data = json.loads(wire)
        self.gathered.from_wire(data)
        self.locks.from_wire(data["roles"])
        self.baselines.from_wire(data["baselines"])
        self.files.ci.from_wire(data["ci"])
