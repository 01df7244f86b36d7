"""The lock files of one run: read when behaviours are collected, and with `--mi-update` written when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import is_known, resolve
from mi_checks.roles.lock import Key, Scores, read_lock, write_lock
from mi_checks.spec.load_file import display_path
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.roles import LOCK_FILE_NAME


class LockFiles:
    """What pytest's session asks about lock files.

    Attributes:
        failed: why a file could not be written; empty as long as none was.
    """

    def __init__(self, root: Path, *, update: bool) -> None:
        self.update = update
        self.failed: list[str] = []
        self._root = root
        self._seen: set[Path] = set()
        self._measured: dict[Path, dict[Key, Scores]] = {}
        self._said: list[str] = []

    def require(self, folder: Path) -> None:
        """Raise if the lock file of a folder cannot be used; once, however many behaviours it is for.

        Raises:
            SpecError: what is wrong with it, with its places.
            MiChecksError: it cannot be read.
        """
        if folder not in self._seen:
            self._seen.add(folder)
            read_lock(folder, self._root, _shape)

    def take(self, bindings: Mapping[tuple[Path, Key], Scores]) -> None:
        """Take over what roles were bound to, by folder, behaviour, model and role."""
        for (folder, key), nodes in bindings.items():
            self._measured.setdefault(folder, {})[key] = nodes

    def write(self) -> None:
        """Write what was taken; where that fails, the file stays as it was, and `failed` says why."""
        for folder, measured in sorted(self._measured.items()):
            shown = display_path(folder / LOCK_FILE_NAME, self._root)
            try:
                changed = write_lock(folder, measured, self._root)
            except MiChecksError as error:
                self.failed.append(str(error))
            else:
                self._said.append(f"roles: {shown} {'written' if changed else 'is up to date'}")

    def summary(self) -> list[str]:
        """For the last lines of the terminal."""
        return [*self._said, *(f"roles: {why}" for why in self.failed)]

    def to_wire(self) -> list[Any]:
        """Return the bindings for the controller of `pytest -n`."""
        return [[str(folder), *key, nodes] for folder, of in self._measured.items() for key, nodes in of.items()]

    def from_wire(self, wire: list[Any]) -> None:
        """Take over what a worker took."""
        for folder, behaviour, model, role, nodes in wire:
            self.take({(Path(folder), (behaviour, model, role)): nodes})


def _shape(model: str) -> ModelShape | None:
    return resolve(model).shape if is_known(model) else None
