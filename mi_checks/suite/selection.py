"""The behaviours, models and checks of a run: pytest and every verb of the command line choose them here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import report_errors_at
from mi_checks.models.model_checkpoints import expand_series
from mi_checks.models.model_names import canonical_name, is_known, resolve
from mi_checks.models.models_of_behaviour import unknown_models, with_canonical_models
from mi_checks.models.sources.model_source import NotFetched
from mi_checks.models.stand_in_models import under_reference_model
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.spec.additions import NO_ADDITIONS, Additions
from mi_checks.spec.behaviour_checks import AbsentCheck
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import is_portable, roles_for
from mi_checks.spec.load_file import LoadedBehaviour, claimed_checks, display_path, load_behaviours
from mi_checks.spec.model_validation import check_shapes
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.roles import LOCK_FILE_NAME
from mi_checks.spec.yaml_source import Position

AdditionsOf = Callable[[Path], Additions]  # a folder → the additions of its conftest.py and of those above it


def no_additions(_: Path) -> Additions:
    """Return no additions, whatever the folder."""
    return NO_ADDITIONS


def choose_models(names: Iterable[str], option: str = "--model", reference: str | None = None) -> tuple[str, ...]:
    """Return the models that a user names, with series of checkpoints expanded and without duplicates.

    Args:
        names: the names as the user wrote them; without any, none are chosen, and each behaviour runs on its own.
        option: the option that the names were given to, for messages.
        reference: the reference model under whose claims all of them run; None if each runs under its own.

    Raises:
        MiChecksError: a name is unknown, a model must be fetched first, or two models run under the same claims, so
            that they would share a column of the report.
    """
    models = tuple(dict.fromkeys(map(canonical_name, expand_series(names))))
    if reference is not None:
        models = under_reference_model(models, reference)
    model_of_claims: dict[str, str] = {}
    for model in models:
        resolved = resolve(model)
        resolved.check_loadable()
        other = model_of_claims.setdefault(resolved.claims, model)
        if other != model:
            raise MiChecksError(f"{option}: {other} and {model} run under the same claims; run them one at a time")
    return models


def models_of(loaded: LoadedBehaviour, chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the models that a behaviour runs on: the chosen ones or, if none are chosen, those its file lists."""
    return tuple(chosen) or tuple(loaded.behaviour.models)


def is_skipped(error: MiChecksError, loaded: LoadedBehaviour, claims: str) -> bool:
    """Return whether a behaviour that cannot be measured on a model is skipped; otherwise it is an error.

    It is skipped if the model has not been fetched, or if too few prompts survive the tokenizer of a model that the
    file does not list. For a listed model, too few prompts are a mistake in the file.

    Args:
        error: the reason why it cannot be measured.
        loaded: the behaviour.
        claims: the name whose claims the model runs under.
    """
    foreign = claims not in loaded.behaviour.models
    return isinstance(error, NotFetched) or (isinstance(error, TooFewPromptsError) and foreign)


def checks_on(loaded: LoadedBehaviour, model: str) -> Sequence[tuple[Check, Position]]:
    """Return the checks of a behaviour on a model, with their places; roles come first.

    For a model that is declared absent, this is the absence check alone. For a model that the file does not list, these
    are the checks that name no nodes: those of the logit difference and accuracy, and those of roles and groups.

    Raises:
        SpecError: a claimed node lies outside the model, or the file lists a model that does not exist.
        MiChecksError: the model does not exist, and the file does not list it.
    """
    behaviour = loaded.behaviour
    try:
        resolved = resolve(model)
    except MiChecksError as error:
        if model not in behaviour.models:
            raise
        raise SpecError([loaded.source.problem(("models", model), str(error), of_key=True)]) from None
    claims = resolved.claims
    if behaviour.is_absent(claims):
        return [(AbsentCheck(), loaded.place_of(("models", claims)))]
    listed = claims in behaviour.models
    if (
        listed and resolved.shape is not None
    ):  # a folder may have another shape than the model whose claims it runs under
        problems = check_shapes(loaded, {claims: resolved.shape})
        if problems:
            raise SpecError(problems)
    roles = [(role, loaded.place_of(("roles", role.name))) for role in roles_for(behaviour, claims)]
    checks = [each for each in claimed_checks(loaded, claims) if listed or is_portable(each[0], behaviour)]
    return [*roles, *checks]


def behaviour_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the behaviour files among files, and in folders and their subfolders; `_x.yaml` is a template.

    Raises:
        MiChecksError: a path does not exist, or there is no behaviour file among them.
    """
    by_resolved_path: dict[Path, Path] = {}  # by resolved path: each file once, under its first path
    for path in paths:
        for file in _files_in(path):
            by_resolved_path.setdefault(file.resolve(), file)
    if not by_resolved_path:
        raise MiChecksError(f"{', '.join(map(str, paths))}: not a behaviour; name behaviour files or folders of them")
    return tuple(by_resolved_path.values())


def behaviours_in(paths: Sequence[Path], root: Path, added: AdditionsOf = no_additions) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of files, and of folders with their subfolders.

    Args:
        paths: files and folders.
        root: the folder that paths in messages are relative to.
        added: returns the additions of the conftest.py files, by folder.

    Raises:
        SpecError: the files contain mistakes (the error lists all of them), or two behaviours have the same name.
        MiChecksError: a path does not exist or contains no behaviour.
    """
    return load_files(behaviour_files(paths), root, added)


def load_file(path: Path, root: Path, added: Additions = NO_ADDITIONS) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of a file: one, or one for each of its cases.

    Args:
        path: the file.
        root: the folder that paths in messages are relative to.
        added: the additions of the conftest.py files of its folder and of those above it.

    Raises:
        SpecError: the file contains mistakes, such as models that do not exist or nodes outside a model; the error
            lists all of them.
        MiChecksError: the file cannot be read.
    """
    behaviours = tuple(map(with_canonical_models, load_behaviours(path, root, added)))
    problems: list[SpecProblem] = []
    for loaded in behaviours:
        names = [name for name in loaded.behaviour.models if is_known(name)]
        shapes = {name: shape for name in names if (shape := resolve(name).shape) is not None}
        problems += (*unknown_models(loaded), *check_shapes(loaded, shapes))
    if problems:
        raise SpecError(problems)
    return behaviours


def load_files(files: Iterable[Path], root: Path, added: AdditionsOf = no_additions) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of several files.

    Args:
        files: the files.
        root: the folder that paths in messages are relative to.
        added: returns the additions of the conftest.py files, by folder.

    Raises:
        SpecError: the files contain mistakes (the error lists all of them), or two behaviours have the same name.
        MiChecksError: a file cannot be read, or an addition of a conftest.py cannot be used.
    """
    behaviours: list[LoadedBehaviour] = []
    problems: list[SpecProblem] = []
    names = BehaviourNames(root)
    for file in files:
        try:
            with report_errors_at(f"{file}: reading it"):
                loaded = load_file(file, root, added(file.parent))
            names.claim(loaded)
            behaviours += loaded
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(dict.fromkeys(problems))
    return tuple(behaviours)


class BehaviourNames:
    """The names of the loaded behaviours, each of which belongs to one file."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, Path] = {}

    def claim(self, loaded: tuple[LoadedBehaviour, ...]) -> None:
        """Register the name of a file's behaviours.

        Raises:
            SpecError: another file has a behaviour of that name.
        """
        first = loaded[0]
        name = first.source.data["name"]  # the file's; the name of a case ends with [CASE]
        other = self._files.setdefault(name, first.path)
        if other != first.path:
            message = f"behaviour {name!r} is already defined in {display_path(other, self._root)}"
            raise SpecError([first.source.problem(("name",), f"{message}; rename one of them", of_key=True)])


def _files_in(path: Path) -> list[Path]:
    if path.is_file():
        return [] if path.name == LOCK_FILE_NAME else [path]
    if not path.is_dir():
        raise MiChecksError(f"there is no file or folder {str(path)!r}; name behaviour files or folders of them")
    files = sorted(file for kind in ("*.yaml", "*.yml") for file in path.rglob(kind) if _is_behaviour_file(file))
    if not files:
        raise MiChecksError(
            f"there are no behaviours in {str(path)!r}: no .yaml file whose name does not begin with '_'"
        )
    return files


def _is_behaviour_file(file: Path) -> bool:
    return file.is_file() and not file.name.startswith("_") and file.name != LOCK_FILE_NAME
