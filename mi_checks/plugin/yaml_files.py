"""The choice of the YAML files that pytest collects. Light to import: every run that meets a YAML file needs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mi_checks.files import relative_path
from mi_checks.spec.recognition import looks_like_behaviour

# Files below a folder on the command line whose keys are not those of a behaviour.
UNRECOGNISED: pytest.StashKey[list[Path]] = pytest.StashKey()
MAX_LISTED = 5


def is_collected(file: Path, session: pytest.Session) -> bool:
    """Return whether a YAML file is collected as a behaviour, by its folder or because the command line names it.

    A file on the command line is always collected, even a template (`_x.yaml`), which then raises an error that says
    so. A file reached by a link is not collected if the same file is collected under its own path.
    """
    if session.isinitpath(file):
        return True
    if file.name.startswith("_") or not _is_wanted(file, session):
        return False
    own = file.resolve()
    by_own_path = own != file and any(map(session.isinitpath, (own, *own.parents))) and _is_wanted(own, session)
    return not by_own_path


def skipped_file_lines(files: list[Path], invocation_folder: Path) -> Iterator[str]:
    """Yield a line for each YAML file of a folder on the command line that was not collected."""
    for file in files[:MAX_LISTED]:
        shown = relative_path(file, invocation_folder)
        yield (
            f"{shown} was not collected: it does not look like a behaviour, which has the top-level keys 'prompts', "
            "'checks' and 'models'; name the file itself to see its mistakes"
        )
    if len(files) > MAX_LISTED:
        yield f"… and {len(files) - MAX_LISTED} more files like these"


def only_behaviours_named(config: pytest.Config) -> bool:
    """Return whether the command line names only behaviour files, and folders that `mi_behaviours` names or below."""
    paths = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return bool(paths) and all(
        path.suffix in (".yaml", ".yml") or _in_behaviour_folder(path / "any.yaml", config) for path in paths
    )


def _is_wanted(file: Path, session: pytest.Session) -> bool:
    return _in_behaviour_folder(file, session.config) or _in_named_folder(file, session)


def _in_behaviour_folder(file: Path, config: pytest.Config) -> bool:
    """Return whether a file lies in a folder that `mi_behaviours` names, or below one."""
    # Folders above the project do not count: a checkout below some `behaviours/` is not a folder of behaviours.
    above = config.rootpath.parent
    inside = file.parent.relative_to(above) if file.is_relative_to(above) else file.parent
    return any(f"/{folder.strip('/')}/" in f"/{inside.as_posix()}/" for folder in config.getini("mi_behaviours"))


def _in_named_folder(file: Path, session: pytest.Session) -> bool:
    """Return whether a file that looks like a behaviour lies in a folder on the command line, or below one.

    If such a folder contains one that `mi_behaviours` names, as the root of a project does, only the latter counts.
    """
    config = session.config
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        return False
    configured = [folder.strip("/") for folder in config.getini("mi_behaviours")]
    for folder in file.parents:
        if session.isinitpath(folder) and not any((folder / inner).is_dir() for inner in configured):
            recognised = looks_like_behaviour(file)
            if not recognised:
                config.stash.setdefault(UNRECOGNISED, []).append(file)
            return recognised
    return False
