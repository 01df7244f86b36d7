"""GitHub annotations at lines of files: workflow commands, one in each line of a job's log.

Their syntax and escapes follow GitHub's documentation, "Workflow commands for GitHub Actions", and its toolkit
(`packages/core/src/command.ts`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mi_checks.ci.failures import Failure
from mi_checks.results.run import Lint
from mi_checks.spec.problems import SpecProblem

MAX_ANNOTATIONS = 10  # the number of errors of a step that GitHub shows
_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_MESSAGE, ":": "%3A", ",": "%2C"}


def commands(
    mistakes: Sequence[SpecProblem], failures: Sequence[Failure], paths: AnnotationPaths, lints: Sequence[Lint] = ()
) -> Iterator[str]:
    """Yield an `::error` for each mistake and failure, and a `::notice` that counts those beyond `MAX_ANNOTATIONS`.

    A `::warning` for each lint follows.

    Args:
        mistakes: the mistakes in behaviour files; these come first.
        failures: the failures, worst first.
        paths: the folder to which GitHub's paths are relative.
        lints: reasons to doubt the measurements of behaviours.
    """
    ordered = _by_cause(failures)
    errors = [
        *(_mistake_command(mistake, paths) for mistake in mistakes),
        *(_failure_command(each, paths) for each in ordered),
    ]
    yield from errors[:MAX_ANNOTATIONS]
    if len(errors) > MAX_ANNOTATIONS:
        yield command("notice", {"title": "mi-checks"}, f"{len(errors) - MAX_ANNOTATIONS:,} more failures; see the log")
    yield from (_lint_command(lint, paths) for lint in lints[:MAX_ANNOTATIONS])


def _by_cause(failures: Sequence[Failure]) -> list[Failure]:
    """Return the worst failure of each behaviour and model before all others.

    This keeps one cause from taking up every place.
    """
    seen: set[tuple[str, str]] = set()
    first: list[Failure] = []
    others: list[Failure] = []
    for failure in failures:
        key = (failure.behaviour, failure.model)
        (others if key in seen else first).append(failure)
        seen.add(key)
    return [*first, *others]


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    """Return a command such as `::error file=a.yaml,line=3::message`, without empty properties."""
    pairs = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in properties.items() if value)
    return f"::{name}{f' {pairs}' if pairs else ''}::{_escaped(message, _MESSAGE)}"


class AnnotationPaths:
    """The folder to which GitHub's paths are relative: the repository, of which pytest's rootdir may be a subfolder."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        """Find the folder.

        Args:
            root: pytest's rootdir, to which the paths in messages are relative.
            environment: the environment, whose `GITHUB_WORKSPACE` is the folder if the rootdir is in it; otherwise the
                folder is git's.
        """
        self._root = root.resolve()
        workspace = Path(environment.get("GITHUB_WORKSPACE") or self._root).resolve()
        above = (self._root, *self._root.parents)
        checkout = next((folder for folder in above if (folder / ".git").exists()), self._root)
        in_workspace = bool(environment.get("GITHUB_WORKSPACE")) and self._root.is_relative_to(workspace)
        self._folder = workspace if in_workspace else checkout

    def path(self, path: str) -> str:
        """Return a path relative to the folder, or the absolute path if it is outside."""
        whole = (self._root / path).resolve()
        return (whole.relative_to(self._folder) if whole.is_relative_to(self._folder) else whole).as_posix()


def _mistake_command(mistake: SpecProblem, paths: AnnotationPaths) -> str:
    if not mistake.path:
        return command("error", {"title": "mi-checks"}, mistake.message)
    place = {"file": paths.path(mistake.path), "line": str(mistake.line), "col": str(mistake.column)}
    return command("error", {**place, "title": "mi-checks"}, mistake.message)


def _failure_command(failure: Failure, paths: AnnotationPaths) -> str:
    title = f"{failure.behaviour} on {failure.model}: {failure.check}"
    place = {"file": paths.path(failure.place.file), "line": str(failure.place.line)}
    return command("error", {**place, "title": title}, failure.brief)


def _lint_command(lint: Lint, paths: AnnotationPaths) -> str:
    place = {"file": paths.path(lint.place.file), "line": str(lint.place.line)}
    return command("warning", {**place, "title": f"{lint.behaviour} on {lint.model}"}, lint.message)


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
