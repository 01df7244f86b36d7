"""One pytest run: its options, the files it collected, its results, the files it writes and its summary.

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
    """The state of a run, which pytest's hooks and collectors call."""

    def __init__(self, root: Path, options: Options, terminal: io.TextIOBase | None) -> None:
        """Begin a run.

        Args:
            root: pytest's root directory.
            options: the options of the run.
            terminal: the stream that progress is shown on; None to show none.
        """
        self.root = root
        self.options = options
        self.session_results = SessionResults(options)
        if options.debug:
            self.session_results.traces.start()
        self.locks = LockFiles(root, update=options.update)
        versions = {name: version for name, version in self.session_results.versions.items() if name != "pytest"}
        self.baselines = BaselineFiles(root, options.baselines, versions)
        self.item_runner = ItemRunner(root, options, self.session_results, self.baselines, self.locks, terminal)
        self.files = OutputFiles(root, self.session_results, self.locks, self.baselines)
        self.terminal_summary = TerminalSummary(self.session_results, self.files)
        self._behaviour_names = BehaviourNames(root)
        self._paths: dict[Path, Path] = {}  # resolved path → the path that the file is collected under
        self._additions: dict[Path, Additions] = {}  # folder → the additions of its conftest.py and of those above

    def is_first_path_of(self, path: Path, *, named: bool) -> bool:
        """Return whether a file is collected under this path, rather than under another one that links to it.

        Args:
            path: the file.
            named: whether the user named this path, and so expects it to be collected.

        Raises:
            SpecError: the user named the path, but the file is already collected under another one; or the file is a
                template.
        """
        shown = display_path(path, self.root)
        if path.name.startswith("_"):
            message = (
                "a template, because its name begins with '_': it may be incomplete and is never collected; run a file"
            )
            raise SpecError([SpecProblem(shown, 1, 1, f"{message} that extends it, or rename it")])
        first = self._paths.setdefault(path.resolve(), path)
        if first != path and named:
            message = (
                f"the same file as {display_path(first, self.root)}, which is already collected; name only one of them"
            )
            raise SpecError([SpecProblem(shown, 1, 1, message)])
        return first == path

    def load(self, path: Path, hooks: pluggy.HookRelay, config: pytest.Config) -> tuple[LoadedBehaviour, ...]:
        """Return the behaviours in a file: one, or one for each of its cases.

        Raises:
            SpecError: the file, or the lock file next to it, contains mistakes (the error lists all of them), or
                another file has a behaviour of that name.
            MiChecksError: an addition of a conftest.py is not a pool or a score.
        """
        if path.parent not in self._additions:
            self._additions[path.parent] = additions(hooks, config, self.root)
        behaviours = load_file(path, self.root, self._additions[path.parent])
        if any(loaded.behaviour.roles for loaded in behaviours):
            self.locks.require(path.parent)
        self.baselines.add_collected(behaviours)
        self._behaviour_names.claim(behaviours)
        return behaviours

    def models_for(self, loaded: LoadedBehaviour) -> tuple[str, ...]:
        """Return the models to run a behaviour on."""
        return models_of(loaded, self.options.models)

    def has_baseline(self, loaded: LoadedBehaviour, model: str, checks: Sequence[tuple[Check, Position]]) -> bool:
        """Return whether a behaviour on a model is compared with a baseline; roles are not."""
        if (
            self.options.reference_model is not None
        ):  # the model is compared with another one instead of its own baseline
            return False
        ids = [check.id for check, _ in checks if check.kind != "role"]
        claims = resolve(model).claims
        return self.baselines.is_compared(loaded, claims, ids, "" if model == claims else model)

    def has_reference_model(self, loaded: LoadedBehaviour) -> bool:
        """Return whether models are compared with a reference model that the behaviour lists."""
        return (
            self.options.reference_model is not None
            and resolve(self.options.reference_model).claims in loaded.behaviour.models
        )

    def stop(self) -> None:
        """Stop collecting tracebacks."""
        self.session_results.traces.stop()

    def to_wire(self) -> str:
        """Return the results of this process as JSON, for the controller of `pytest -n`."""
        return json.dumps(
            {
                **self.session_results.to_wire(),
                "roles": self.locks.to_wire(),
                "baselines": self.baselines.to_wire(),
                "ci": self.files.ci.to_wire(),
            }
        )

    def from_wire(self, wire: str) -> None:
        """Add the results of a worker."""
        data = json.loads(wire)
        self.session_results.from_wire(data)
        self.locks.from_wire(data["roles"])
        self.baselines.from_wire(data["baselines"])
        self.files.ci.from_wire(data["ci"])
