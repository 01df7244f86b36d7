"""The effect of every behaviour on every model, from base runs alone, without interventions and without pytest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mi_checks.compare.neighbouring_models import EffectMatrix, UnmeasuredCell
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import FEWER_PROMPTS, placed, tell_cause
from mi_checks.models.names import called, resolve
from mi_checks.models.series import with_series
from mi_checks.models.sources.source import NotFetched
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.rejection import TooFewPrompts
from mi_checks.results.evidence import Effect
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.roles import LOCK
from mi_checks.suite.selection import AdditionsOf, load_files, no_additions
from mi_checks.suite.threads import limit_to_one_thread

if TYPE_CHECKING:
    from mi_checks.suite.suite import Suite

Cell = tuple[LoadedBehaviour, str]


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


def behaviour_files(paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the behaviour files among files, and in folders and their subfolders; `_x.yaml` is a template.

    Raises:
        MiChecksError: a path does not exist, or there is no behaviour file among them.
    """
    by_resolved_path: dict[Path, Path] = {}  # by resolved path: each file once, under its first path
    for path in paths:
        for file in _files(path):
            by_resolved_path.setdefault(file.resolve(), file)
    if not by_resolved_path:
        raise MiChecksError(f"{', '.join(map(str, paths))}: not a behaviour; name behaviour files or folders of them")
    return tuple(by_resolved_path.values())


def chosen(models: Sequence[str]) -> tuple[str, ...]:
    """Return models as the user names them, without duplicates.

    Raises:
        MiChecksError: a name is unknown, a model must be fetched first, or two models run under the same claims.
    """
    names = tuple(dict.fromkeys(map(called, with_series(models))))
    claims: dict[str, str] = {}
    for name in names:
        model = resolve(name)
        model.require()
        other = claims.setdefault(model.claims, name)
        if other != name:
            raise MiChecksError(f"{other} and {name} run under the same claims; run them one at a time")
    return names


def survey(
    behaviours: Sequence[LoadedBehaviour],
    models: Sequence[str] = (),
    *,
    only: Collection[str] | None = None,
    count: int | None = None,
    seed: int | None = None,
    kept: Path | None = None,
    progress: Progress = no_progress,
) -> EffectMatrix:
    """Measure each behaviour on the models given, or on those it names, restricted to `only` if that is given.

    What cannot be measured is left out, with the reason. Measurements that an earlier run cached in the folder `kept`
    are reused.
    """
    suite = begun(count, seed, kept)
    effects: list[Effect] = []
    unmeasured: list[UnmeasuredCell] = []
    cells = [(each, model) for each in behaviours for model in models or each.behaviour.models]
    cells = [(each, model) for each, model in cells if only is None or model in only]
    for loaded, model in progress(cells, len(cells), "behaviours on models"):
        try:
            with placed(f"{loaded.behaviour.name} on {model}", FEWER_PROMPTS):
                suite.measurements(loaded, model)
                evidence = suite.close(loaded, model)
        except MiChecksError as error:
            tell_cause(error)
            claims = resolve(model).claims
            foreign = isinstance(error, TooFewPrompts) and claims not in loaded.behaviour.models
            skipped = foreign or isinstance(error, NotFetched)
            unmeasured.append(UnmeasuredCell(loaded.behaviour.name, claims, str(error), skipped))
        else:
            effects += [evidence.effect] if evidence is not None else []
    return EffectMatrix(tuple(effects), tuple(unmeasured))


def begun(count: int | None = None, seed: int | None = None, kept: Path | None = None) -> Suite:
    """Return a suite without measurements, outside pytest; with a folder, it uses the cache there."""
    limit_to_one_thread()
    from mi_checks.cache.cache_store import CacheStore
    from mi_checks.suite.loaded_models import SuiteSettings
    from mi_checks.suite.suite import Suite

    return Suite(SuiteSettings(count, seed), store=None if kept is None else CacheStore(kept))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [] if path.name == LOCK else [path]
    if not path.is_dir():
        raise MiChecksError(f"there is no file or folder {str(path)!r}; name behaviour files or folders of them")
    files = sorted(
        file for kind in ("*.yaml", "*.yml") for file in path.rglob(kind) if file.is_file() and not _aside(file.name)
    )
    if not files:
        raise MiChecksError(
            f"there are no behaviours in {str(path)!r}: no .yaml file whose name does not begin with '_'"
        )
    return files


def _aside(name: str) -> bool:
    return name.startswith("_") or name == LOCK
