"""A behaviour file → the validated behaviours in it, which still know their lines."""

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
    """A valid behaviour and where it was read.

    Attributes:
        path: the file.
        text: the file as written, and after it each file that it extends.
        source: its data and positions; `source.shown` is the path as messages give it.
        case: its name in the file's table of cases, or nothing where the file is one behaviour.
        score: the project's own score that its prompts ask for, if they do.
        role_scores: the project's own scores of nodes, by name, that its roles may ask for.
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
        """What tells it from every other behaviour that is loaded."""
        return str(self.path), self.case

    @property
    def is_scored_by_project(self) -> bool:
        """Whether what is measured depends on a function of the project's own, which no digest covers."""
        return self.score is not None or any(role.score in self.role_scores for role in self.behaviour.roles.values())

    def place_of(self, path: Keys) -> Position:
        """Where a key, or an item of a list, stands; what is not written down stands where its nearest parent does."""
        line, column, file = self.source.position(path, of_key=True)
        return Position(line, column, file or self.source.shown)

    def line_of(self, path: Keys) -> int:
        """The line of that place."""
        return self.place_of(path).line

    def check_line(self, index: int) -> int:
        """The line of an entry of `checks`."""
        return self.line_of(("checks", index))


def load_behaviour(
    path: Path, root: Path | None = None, case: str | None = None, added: Additions = NOTHING
) -> LoadedBehaviour:
    """Read and validate a file that is one behaviour, or one case of a file with a table of them.

    Raises:
        SpecError: all that is wrong with the file, with paths relative to `root`.
        MiChecksError: the file cannot be read, or has no such case, or has several and none is named.
    """
    return chosen_case(load_behaviours(path, root, added), case)


def chosen_case(
    found: tuple[LoadedBehaviour, ...], case: str | None, spelled: Callable[[str], str] = "case={!r}".format
) -> LoadedBehaviour:
    """Return the one behaviour of a file, or the case of it that is named.

    Args:
        found: the behaviours of a file.
        case: the name of a case; None for a file that has none.
        spelled: a case's name → how it is named, for errors.

    Raises:
        MiChecksError: the file has no such case, or has several and none is named.
    """
    chosen = next((loaded for loaded in found if loaded.case == (case or "")), None)
    if chosen is not None:
        return chosen
    shown, cases = found[0].source.shown, [loaded.case for loaded in found if loaded.case]
    if not cases:
        raise MiChecksError(f"{shown}: there is no case {case!r}: the file has no 'cases'")
    if case is None:
        raise MiChecksError(f"{shown}: name one of its cases, as in {spelled(cases[0])}: {listed(cases)}")
    raise MiChecksError(f"{shown}: there is no case {case!r}; cases: {listed(cases)}{did_you_mean(case, cases)}")


def load_behaviours(path: Path, root: Path | None = None, added: Additions = NOTHING) -> tuple[LoadedBehaviour, ...]:
    """Read and validate a file: its one behaviour, or one for each of its cases; errors are as for one.

    Args:
        path: the file.
        root: what paths in messages are relative to.
        added: what the project adds.
    """
    shown = shown_path(path, root)
    text = read_text(path, shown)
    source, text = with_bases(parse_yaml(text, shown, path), path, text)
    if "cases" not in source.data:
        behaviour = validate(source, added=added)
        return (LoadedBehaviour(behaviour, path, text, source, "", _score(behaviour, added), added.role_scores),)
    whole = _shaped(source)
    found: list[LoadedBehaviour] = []
    problems: list[Problem] = []
    for case in cases_of(source):
        own = case_source(source, case)
        try:
            behaviour = validate(own, case, whole.cases[case].bounds if whole.cases else {}, added)
        except SpecError as error:
            problems += error.problems
        else:
            found.append(LoadedBehaviour(behaviour, path, text, own, case, _score(behaviour, added), added.role_scores))
    if problems:
        raise SpecError(problems)
    return tuple(found)


def validate(
    source: YamlSource, case: str = "", bounds: dict[str, Bound] | None = None, added: Additions = NOTHING
) -> Behaviour:
    """The behaviour in a parsed file. References are looked at once the shape is right: before, they mean nothing."""
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
        # The file says `with` and `from`; `with_` and `from_` are for Python only.
        behaviour = Behaviour.model_validate(source.data, by_alias=True, by_name=False)
        problems = shape_problems(source, [])
    except ValidationError as error:
        problems = shape_problems(source, error.errors(include_url=False))
    if problems:
        raise SpecError(problems)
    return behaviour


def shown_path(path: Path, root: Path | None) -> str:
    """The path as messages give it: relative to `root` where it lies below it, with forward slashes."""
    if root is not None and path.absolute().is_relative_to(root.absolute()):
        path = path.absolute().relative_to(root.absolute())
    return path.as_posix()
