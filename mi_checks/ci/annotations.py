"""What GitHub shows at a line of a file: workflow commands, one a line of a job's log.

Their form and escapes are those of GitHub's documentation, "Workflow commands for GitHub Actions", and of its toolkit
(`packages/core/src/command.ts`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mi_checks.ci.failures import Failure
from mi_checks.results.run import Lint
from mi_checks.spec.problems import Problem

MOST = 10  # errors of a step that GitHub shows
_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_MESSAGE, ":": "%3A", ",": "%2C"}


def commands(
    mistakes: Sequence[Problem], failures: Sequence[Failure], base: Base, lints: Sequence[Lint] = ()
) -> Iterator[str]:
    """An `::error` for each mistake in a file and each failure, as many as are shown, and a `::notice` of the rest.

    A `::warning` for each lint follows.

    Args:
        mistakes: in behaviour files; these come first.
        failures: the worst first.
        base: what paths begin at.
        lints: reasons to doubt what behaviours measure.
    """
    ordered = _by_cause(failures)
    errors = [*(_of_mistake(mistake, base) for mistake in mistakes), *(_of_failure(each, base) for each in ordered)]
    yield from errors[:MOST]
    if len(errors) > MOST:
        yield command("notice", {"title": "mi-checks"}, f"{len(errors) - MOST:,} more failed: they are in the log")
    yield from (_of_lint(lint, base) for lint in lints[:MOST])


def _by_cause(failures: Sequence[Failure]) -> list[Failure]:
    """The worst failure of each behaviour and model before all others, so that one cause does not take every place."""
    seen: set[tuple[str, str]] = set()
    first: list[Failure] = []
    others: list[Failure] = []
    for failure in failures:
        key = (failure.behaviour, failure.model)
        (others if key in seen else first).append(failure)
        seen.add(key)
    return [*first, *others]


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    """`::error file=a.yaml,line=3::message`; properties that are empty are left out."""
    told = ",".join(f"{key}={_escaped(value, _PROPERTY)}" for key, value in properties.items() if value)
    return f"::{name}{f' {told}' if told else ''}::{_escaped(message, _MESSAGE)}"


class Base:
    """The folder that GitHub takes paths from: that of the repository, in which pytest's rootdir may be a folder."""

    def __init__(self, root: Path, environment: Mapping[str, str] = os.environ) -> None:
        """Find it.

        Args:
            root: pytest's rootdir, which the paths in messages begin at.
            environment: its `GITHUB_WORKSPACE` is the folder, if the rootdir lies in it; else git's is.
        """
        self._root = root.resolve()
        workspace = Path(environment.get("GITHUB_WORKSPACE") or self._root).resolve()
        above = (self._root, *self._root.parents)
        checkout = next((folder for folder in above if (folder / ".git").exists()), self._root)
        given = bool(environment.get("GITHUB_WORKSPACE")) and self._root.is_relative_to(workspace)
        self._folder = workspace if given else checkout

    def path(self, path: str) -> str:
        """A path from there; one that lies outside it stays whole."""
        whole = (self._root / path).resolve()
        return (whole.relative_to(self._folder) if whole.is_relative_to(self._folder) else whole).as_posix()


def _of_mistake(mistake: Problem, base: Base) -> str:
    if not mistake.path:
        return command("error", {"title": "mi-checks"}, mistake.message)
    place = {"file": base.path(mistake.path), "line": str(mistake.line), "col": str(mistake.column)}
    return command("error", {**place, "title": "mi-checks"}, mistake.message)


def _of_failure(failure: Failure, base: Base) -> str:
    title = f"{failure.behaviour} on {failure.model}: {failure.check}"
    place = {"file": base.path(failure.place.file), "line": str(failure.place.line)}
    return command("error", {**place, "title": title}, failure.brief)


def _of_lint(lint: Lint, base: Base) -> str:
    place = {"file": base.path(lint.place.file), "line": str(lint.place.line)}
    return command("warning", {**place, "title": f"{lint.behaviour} on {lint.model}"}, lint.message)


def _escaped(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
