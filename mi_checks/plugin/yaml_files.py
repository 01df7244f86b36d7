"""The choice of the YAML files that pytest collects. Light: every run asks that has one in its folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mi_checks.results.rerun import seen_from
from mi_checks.spec.recognition import looks_like_behaviour

# Files below a folder on the command line that are no behaviours by their keys.
UNRECOGNISED: pytest.StashKey[list[Path]] = pytest.StashKey()
MAX_LISTED = 5


def is_collected(file: Path, session: pytest.Session) -> bool:
    """Return whether a YAML file is a behaviour, by where it lies or because the command line names it.

    A file on the command line is one wherever it lies, a template (`_x.yaml`) too, which then says what it is. A file
    that is reached by a link is left out where it is collected without.
    """
    if session.isinitpath(file):
        return True
    if file.name.startswith("_") or not _is_wanted(file, session):
        return False
    own = file.resolve()
    elsewhere = own != file and any(map(session.isinitpath, (own, *own.parents))) and _is_wanted(own, session)
    return not elsewhere


def skipped_file_lines(files: list[Path], started_in: Path) -> Iterator[str]:
    """Yield a line for each YAML file that was skipped in a folder on the command line, where nothing was collected."""
    for file in files[:MAX_LISTED]:
        shown = seen_from(file, started_in)
        yield (
            f"{shown} was not collected: it does not look like a behaviour ('prompts', 'checks', 'models' at its top); "
            "name the file itself to see what is wrong with it"
        )
    if len(files) > MAX_LISTED:
        yield f"… and {len(files) - MAX_LISTED} more files like these"


def _is_wanted(file: Path, session: pytest.Session) -> bool:
    return _in_behaviour_folder(file, session.config) or _in_named_folder(file, session)


def _in_behaviour_folder(file: Path, config: pytest.Config) -> bool:
    """Return whether a file lies in a folder that `mi_behaviours` names, or below one."""
    # What lies above the project is nobody's choice: a checkout below some `behaviours/` is not one.
    above = config.rootpath.parent
    inside = file.parent.relative_to(above) if file.is_relative_to(above) else file.parent
    return any(f"/{folder.strip('/')}/" in f"/{inside.as_posix()}/" for folder in config.getini("mi_behaviours"))


def _in_named_folder(file: Path, session: pytest.Session) -> bool:
    """Return whether a file that looks like a behaviour lies in a folder on the command line, or below one.

    A folder that has one which `mi_behaviours` names in it, such as the root of a project, stands for that one.
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
