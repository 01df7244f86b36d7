"""Loading of a behaviour file into the validated behaviours in it, with the position of every key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.additions import NOTHING, Additions
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.bound import Bound
from mi_checks.spec.cases import bound_problems, case_source, cases_of, for_case
from mi_checks.spec.crossrefs import crossref_problems
from mi_checks.spec.extends import with_bases
from mi_checks.spec.problems import Problem, SpecError
from mi_checks.spec.shape_errors import shape_problems
from mi_checks.spec.supply import supplied
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys, Position, YamlSource, parse_yaml, read_text


@dataclass(frozen=True)
class LoadedBehaviour:
    """A valid behaviour and the place that it was read from.

    Attributes:
        behaviour: the behaviour.
        path: the file.
        text: the file as written, followed by its parent files.
        source: the file's data and positions; `source.shown` is the path as messages give it.
        case: the behaviour's name in the file's table of cases; "" if the file is one behaviour.
        score: the project's own score, if the prompts use one.
        role_scores: the project's own scores of nodes, by name, which the roles may use.
    """

    behaviour: Behaviour
    path: Path
    text: str
    source: YamlSource = field(repr=False)
    case: str = ""
    score: Callable[..., Any] | None = None
    role_scores: Mapping[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Return a key that distinguishes this behaviour from every other loaded behaviour."""
        return str(self.path), self.case

    @property
    def is_scored_by_project(self) -> bool:
        """Return whether the measurements depend on a function of the project's own, which no digest covers."""
        return self.score is not None or any(role.score in self.role_scores for role in self.behaviour.roles.values())

    def place_of(self, path: Keys) -> Position:
        """Return the position of a key, or of an item of a list.

        The position of a key that the file does not have is that of its nearest parent.
        """
        line, column, file = self.source.position(path, of_key=True)
        return Position(line, column, file or self.source.shown)

    def line_of(self, path: Keys) -> int:
        """Return the line of a key, or of an item of a list, counted from 1."""
        return self.place_of(path).line

    def check_line(self, index: int) -> int:
        """Return the line of an entry of `checks`, counted from 1."""
        return self.line_of(("checks", index))


def load_behaviour(
    path: Path, root: Path | None = None, case: str | None = None, added: Additions = NOTHING
) -> LoadedBehaviour:
    """Read and validate a file that is one behaviour, or one case of a file with a table of cases.

    Raises:
        SpecError: the file has mistakes; all are listed, with paths relative to `root`.
        MiChecksError: the file cannot be read, does not have the case, or has several cases and none is named.
    """
    return chosen_case(load_behaviours(path, root, added), case)


def chosen_case(
    found: tuple[LoadedBehaviour, ...], case: str | None, spelled: Callable[[str], str] = "case={!r}".format
) -> LoadedBehaviour:
    """Return the one behaviour of a file, or the named case.

    Args:
        found: the behaviours of a file.
        case: the name of a case; None for a file without cases.
        spelled: a function that formats the name of a case for error messages.

    Raises:
        MiChecksError: the file does not have the case, or has several cases and none is named.
    """
    behaviour = next((loaded for loaded in found if loaded.case == (case or "")), None)
    if behaviour is not None:
        return behaviour
    shown, cases = found[0].source.shown, [loaded.case for loaded in found if loaded.case]
    if not cases:
        raise MiChecksError(f"{shown}: there is no case {case!r}: the file has no 'cases'")
    if case is None:
        raise MiChecksError(f"{shown}: name one of its cases, as in {spelled(cases[0])}: {listed(cases)}")
    raise MiChecksError(f"{shown}: there is no case {case!r}; cases: {listed(cases)}{did_you_mean(case, cases)}")


def load_behaviours(path: Path, root: Path | None = None, added: Additions = NOTHING) -> tuple[LoadedBehaviour, ...]:
    """Read and validate a file, and return its one behaviour, or one for each of its cases.

    Args:
        path: the file.
        root: the folder to which paths in messages are relative.
        added: the pools and scores that the project adds.

    Raises:
        SpecError: the file has mistakes; all are listed.
        MiChecksError: the file cannot be read.
    """
    shown = shown_path(path, root)
    text = read_text(path, shown)
    source, text = with_bases(parse_yaml(text, shown, path), path, text)
    if "cases" not in source.data:
        behaviour = validate(source, added=added)
        return (LoadedBehaviour(behaviour, path, text, source, "", _score(behaviour, added), added.role_scores),)
    whole = _shaped(source)
    behaviours: list[LoadedBehaviour] = []
    problems: list[Problem] = []
    for case in cases_of(source):
        own = case_source(source, case)
        try:
            behaviour = validate(own, case, whole.cases[case].bounds if whole.cases else {}, added)
        except SpecError as error:
            problems += error.problems
        else:
            behaviours.append(
                LoadedBehaviour(behaviour, path, text, own, case, _score(behaviour, added), added.role_scores)
            )
    if problems:
        raise SpecError(problems)
    return tuple(behaviours)


def validate(
    source: YamlSource, case: str = "", bounds: dict[str, Bound] | None = None, added: Additions = NOTHING
) -> Behaviour:
    """Return the behaviour in a parsed file.

    References are validated only once the shape of the data is valid, because they have no meaning before.

    Raises:
        SpecError: the file has mistakes; all of the same stage are listed.
    """
    behaviour = _shaped(source)
    prompts, problems = supplied(source, behaviour.prompts, added.pools)
    behaviour = behaviour.model_copy(update={"prompts": prompts})
    problems = problems or crossref_problems(source, behaviour, added)
    problems += bound_problems(source, behaviour, case, bounds or {})
    if problems:
        raise SpecError(problems)
    return for_case(behaviour, case, bounds or {}) if case else behaviour


def _score(behaviour: Behaviour, added: Additions) -> Callable[..., Any] | None:
    return added.scores.get(behaviour.prompts.score)


def _shaped(source: YamlSource) -> Behaviour:
    try:
        # Files use the keys `with` and `from`; `with_` and `from_` are names in Python only.
        behaviour = Behaviour.model_validate(source.data, by_alias=True, by_name=False)
        problems = shape_problems(source, [])
    except ValidationError as error:
        problems = shape_problems(source, error.errors(include_url=False))
    if problems:
        raise SpecError(problems)
    return behaviour


def shown_path(path: Path, root: Path | None) -> str:
    """Return the path as messages give it: relative to `root` if it is inside `root`, with forward slashes."""
    if root is not None and path.absolute().is_relative_to(root.absolute()):
        path = path.absolute().relative_to(root.absolute())
    return path.as_posix()
