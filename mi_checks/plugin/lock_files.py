"""The lock files of a run: read when behaviours are collected and, with `--mi-update`, written when the run ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import is_known, resolve
from mi_checks.roles.role_lock import LockKey, NodeScores, RoleLock, read_lock, write_lock
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.roles import LOCK_FILE_NAME


class LockFiles:
    """The lock files that a session reads and writes.

    Attributes:
        failed: why files could not be written; empty if all could.
    """

    def __init__(self, root: Path, *, update: bool) -> None:
        self.update = update
        self.failed: list[str] = []
        self._root = root
        self._locks: dict[Path, RoleLock] = {}  # by folder
        self._bindings: dict[Path, dict[LockKey, NodeScores]] = {}
        self._lines: list[str] = []

    def require(self, folder: Path) -> None:
        """Raise if the lock file of a folder cannot be used; each folder is checked once.

        Raises:
            SpecError: the file contains mistakes.
            MiChecksError: the file cannot be read.
        """
        if folder not in self._locks:
            self._locks[folder] = RoleLock()  # its mistakes are reported once
            self._locks[folder] = read_lock(folder, self._root, _shape)

    def nodes(self, loaded: LoadedBehaviour, model: str) -> Mapping[str, NodeScores]:
        """Return the recorded nodes of each role of a behaviour on a model, with their scores."""
        return self._locks.get(loaded.path.parent, RoleLock()).of(loaded.behaviour.name, model)

    def add(self, bindings: Mapping[tuple[Path, LockKey], NodeScores]) -> None:
        """Add the nodes that roles were bound to, by folder, behaviour, model and role."""
        for (folder, key), nodes in bindings.items():
            self._bindings.setdefault(folder, {})[key] = nodes

    def write(self) -> None:
        """Write the bindings; if that fails, a file stays as it was, and `failed` says why."""
        for folder, measured in sorted(self._bindings.items()):
            shown = display_path(folder / LOCK_FILE_NAME, self._root)
            try:
                changed = write_lock(folder, measured, self._root)
            except MiChecksError as error:
                self.failed.append(str(error))
            else:
                self._lines.append(f"roles: {shown} {'written' if changed else 'is up to date'}")

    def summary(self) -> list[str]:
        """Return the lines about lock files in the terminal summary."""
        return [*self._lines, *(f"roles: {why}" for why in self.failed)]

    def to_wire(self) -> list[Any]:
        """Return the bindings for the controller of `pytest -n`."""
        return [[str(folder), *key, nodes] for folder, of in self._bindings.items() for key, nodes in of.items()]

    def from_wire(self, wire: list[Any]) -> None:
        """Add the bindings of a worker."""
        for folder, behaviour, model, role, nodes in wire:
            self.add({(Path(folder), (behaviour, model, role)): nodes})


def _shape(model: str) -> ModelShape | None:
    return resolve(model).shape if is_known(model) else None
