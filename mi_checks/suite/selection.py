"""The behaviours, models and checks of a run: what pytest and every verb load and choose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import placed
from mi_checks.models.in_files import unknown_models, with_own_models
from mi_checks.models.names import is_known, resolve
from mi_checks.spec.additions import NOTHING, Additions
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import is_portable, roles_for
from mi_checks.spec.load_file import LoadedBehaviour, claimed_checks, load_behaviours, shown_path
from mi_checks.spec.preference_checks import ABSENT, AbsentCheck
from mi_checks.spec.problems import Problem, SpecError
from mi_checks.spec.shapes import check_shapes
from mi_checks.spec.yaml_source import Position

AdditionsOf = Callable[[Path], Additions]  # a folder → what its conftest.py and those above it add


def no_additions(_: Path) -> Additions:
    """Return nothing, whatever the folder."""
    return NOTHING


def load_file(path: Path, root: Path, added: Additions = NOTHING) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of a file: one, or one for each of its cases.

    Args:
        path: the file.
        root: what paths in messages are relative to.
        added: what the conftest.py files of its folder and of those above it add.

    Raises:
        SpecError: every mistake in the file, models that do not exist and nodes outside a model included.
        MiChecksError: the file cannot be read.
    """
    found = tuple(map(with_own_models, load_behaviours(path, root, added)))
    problems: list[Problem] = []
    for loaded in found:
        named = [name for name in loaded.behaviour.models if is_known(name)]
        shapes = {name: shape for name in named if (shape := resolve(name).shape) is not None}
        problems += (*unknown_models(loaded), *check_shapes(loaded, shapes))
    if problems:
        raise SpecError(problems)
    return found


def load_files(files: Iterable[Path], root: Path, added: AdditionsOf = no_additions) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of several files.

    Args:
        files: the files.
        root: what paths in messages are relative to.
        added: what conftest.py files add, by folder.

    Raises:
        SpecError: every mistake in every file, two behaviours of one name included.
        MiChecksError: a file cannot be read, or what a conftest.py adds cannot be used.
    """
    found: list[LoadedBehaviour] = []
    problems: list[Problem] = []
    names = BehaviourNames(root)
    for file in files:
        try:
            with placed(f"{file}: reading it"):
                loaded = load_file(file, root, added(file.parent))
            names.take(loaded)
            found += loaded
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(dict.fromkeys(problems))
    return tuple(found)


class BehaviourNames:
    """The names of the behaviours that are loaded, each of which belongs to one file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, Path] = {}

    def take(self, loaded: tuple[LoadedBehaviour, ...]) -> None:
        """Claim the name of a file's behaviours for it.

        Raises:
            SpecError: another file has a behaviour of that name.
        """
        first = loaded[0]
        name = first.source.data["name"]  # of the file: that of a case has the case's in brackets
        other = self._files.setdefault(name, first.path)
        if other != first.path:
            defined = f"behaviour {name!r} is already defined in {shown_path(other, self._root)}"
            message = f"{defined}; give one of them another name"
            raise SpecError([first.source.problem(("name",), message, of_key=True)])


def checks_on(loaded: LoadedBehaviour, model: str) -> Sequence[tuple[Check, Position]]:
    """Return the checks of a behaviour on a model, with their places; for a model declared absent, that alone.

    Roles come first. On a model that the behaviour does not name no node has a name, so only what it prefers is
    checked, and what is claimed of roles and groups alone.

    Raises:
        SpecError: a claimed node lies outside the model, or the file names a model that is not there.
        MiChecksError: there is no such model, and the file does not name it.
    """
    behaviour = loaded.behaviour
    try:
        name = resolve(model)
    except MiChecksError as error:
        if model not in behaviour.models:
            raise
        raise SpecError([loaded.source.problem(("models", model), str(error), of_key=True)]) from None
    claims = name.claims
    if behaviour.models.get(claims) == ABSENT:
        return [(AbsentCheck(), loaded.place_of(("models", claims)))]
    shape = name.shape if claims in behaviour.models else None
    if shape is not None:  # a folder may hold another shape than the model whose claims it is held to
        problems = check_shapes(loaded, {claims: shape})
        if problems:
            raise SpecError(problems)
    roles = [(role, loaded.place_of(("roles", role.name))) for role in roles_for(behaviour, claims)]
    named = claims in behaviour.models
    checks = [each for each in claimed_checks(loaded, claims) if named or is_portable(each[0], behaviour)]
    return [*roles, *checks]
