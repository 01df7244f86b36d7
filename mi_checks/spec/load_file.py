"""Loading of a behaviour file into the validated behaviours in it, with the position of every key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.additions import NO_ADDITIONS, Additions
from mi_checks.spec.behaviour import AnyPrompts, Behaviour
from mi_checks.spec.behaviour_checks import ABSENT, AbsentCheck
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.check_refs import check_problems, checks_with_paths, model_problems, role_problems
from mi_checks.spec.data_files import load_values
from mi_checks.spec.deprecated_names import with_current_names
from mi_checks.spec.grammar_errors import shape_problems
from mi_checks.spec.inheritance import bound_problems, case_names, case_source, for_case, with_parent_files
from mi_checks.spec.node_refs import node_problems
from mi_checks.spec.problems import Keys, SpecError, SpecProblem, comma_list
from mi_checks.spec.prompt_refs import template_problems, variable_problems
from mi_checks.spec.quotes import QuotedPrompts, quote_problems
from mi_checks.spec.scoring import SCORES
from mi_checks.spec.yaml_source import Position, YamlSource, parse_yaml, read_text


@dataclass(frozen=True)
class LoadedBehaviour:
    """A valid behaviour and the place that it was read from.

    Attributes:
        behaviour: the behaviour.
        path: the file.
        text: the file as written, followed by its parent files.
        source: the file's data and positions; `source.display_path` is the path as messages give it.
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
        return Position(line, column, file or self.source.display_path)

    def line_of(self, path: Keys) -> int:
        """Return the line of a key, or of an item of a list, counted from 1."""
        return self.place_of(path).line

    def check_line(self, index: int) -> int:
        """Return the line of an entry of `checks`, counted from 1."""
        return self.line_of(("checks", index))


def load_behaviour(
    path: Path, root: Path | None = None, case: str | None = None, added: Additions = NO_ADDITIONS
) -> LoadedBehaviour:
    """Read and validate a file that is one behaviour, or one case of a file with a table of cases.

    Raises:
        SpecError: the file has mistakes; all are listed, with paths relative to `root`.
        MiChecksError: the file cannot be read, does not have the case, or has several cases and none is named.
    """
    return select_case(load_behaviours(path, root, added), case)


def select_case(
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
    shown, cases = found[0].source.display_path, [loaded.case for loaded in found if loaded.case]
    if not cases:
        raise MiChecksError(f"{shown}: there is no case {case!r}: the file has no 'cases'")
    if case is None:
        raise MiChecksError(
            f"{shown}: the file has several cases; choose one, as in {spelled(cases[0])}; cases: {comma_list(cases)}"
        )
    raise MiChecksError(f"{shown}: there is no case {case!r}; cases: {comma_list(cases)}{did_you_mean(case, cases)}")


def load_behaviours(
    path: Path, root: Path | None = None, added: Additions = NO_ADDITIONS
) -> tuple[LoadedBehaviour, ...]:
    """Read and validate a file, and return its one behaviour, or one for each of its cases.

    Args:
        path: the file.
        root: the folder to which paths in messages are relative.
        added: the pools and scores that the project adds.

    Raises:
        SpecError: the file has mistakes; all are listed.
        MiChecksError: the file cannot be read.
    """
    shown = display_path(path, root)
    text = read_text(path, shown)
    source, text = with_parent_files(with_current_names(parse_yaml(text, shown, path)), path, text)
    if "cases" not in source.data:
        behaviour = validate_source(source, added=added)
        return (LoadedBehaviour(behaviour, path, text, source, "", _score(behaviour, added), added.role_scores),)
    whole = _parse_grammar(source)
    behaviours: list[LoadedBehaviour] = []
    problems: list[SpecProblem] = []
    for case in case_names(source):
        own = case_source(source, case)
        try:
            behaviour = validate_source(own, case, whole.cases[case].bounds if whole.cases else {}, added)
        except SpecError as error:
            problems += error.problems
        else:
            behaviours.append(
                LoadedBehaviour(behaviour, path, text, own, case, _score(behaviour, added), added.role_scores)
            )
    if problems:
        raise SpecError(problems)
    return tuple(behaviours)


def validate_source(
    source: YamlSource, case: str = "", bounds: dict[str, Bound] | None = None, added: Additions = NO_ADDITIONS
) -> Behaviour:
    """Return the behaviour in a parsed file.

    References are validated only once the shape of the data is valid, because they have no meaning before.

    Raises:
        SpecError: the file has mistakes; all of the same stage are listed.
    """
    behaviour = _parse_grammar(source)
    prompts, problems = load_values(source, behaviour.prompts, added.pools)
    behaviour = behaviour.model_copy(update={"prompts": prompts})
    problems = problems or crossref_problems(source, behaviour, added)
    problems += bound_problems(source, behaviour, case, bounds or {})
    if problems:
        raise SpecError(problems)
    return for_case(behaviour, case, bounds or {}) if case else behaviour


def _score(behaviour: Behaviour, added: Additions) -> Callable[..., Any] | None:
    return added.scores.get(behaviour.prompts.score)


def _parse_grammar(source: YamlSource) -> Behaviour:
    try:
        # Files use the keys `with` and `from`; `with_` and `from_` are names in Python only.
        behaviour = Behaviour.model_validate(source.data, by_alias=True, by_name=False)
        problems = shape_problems(source, [])
    except ValidationError as error:
        problems = shape_problems(source, error.errors(include_url=False))
    if problems:
        raise SpecError(problems)
    return behaviour


def display_path(path: Path, root: Path | None) -> str:
    """Return the path as messages give it: relative to `root` if it is inside `root`, with forward slashes."""
    if root is not None and path.absolute().is_relative_to(root.absolute()):
        path = path.absolute().relative_to(root.absolute())
    return path.as_posix()


def crossref_problems(source: YamlSource, behaviour: Behaviour, added: Additions = NO_ADDITIONS) -> list[SpecProblem]:
    """Return every reference in the file that is undefined or contradicts another."""
    return [
        *_prompt_problems(source, behaviour.prompts, added),
        *check_problems(source, behaviour),
        *node_problems(source, behaviour),
        *model_problems(source, behaviour),
        *role_problems(source, behaviour, tuple(added.role_scores)),
    ]


def _prompt_problems(source: YamlSource, prompts: AnyPrompts, added: Additions) -> Iterator[SpecProblem]:
    known = (*SCORES, *added.scores)
    if prompts.score not in known:
        message = f"unknown score {prompts.score!r}; scores: {comma_list(known)}{did_you_mean(prompts.score, known)}"
        yield source.problem(("prompts", "score"), message)
    if isinstance(prompts, QuotedPrompts):
        yield from quote_problems(source, prompts)
    else:
        problems = tuple(variable_problems(source, prompts, added.pools))
        yield from problems
        yield from template_problems(source, prompts, sound=not problems)


def claimed_checks(loaded: LoadedBehaviour, claims: str) -> list[tuple[Check, Position]]:
    """Return the checks that are claimed for a model, without the checks of roles, with their places in the file."""
    return [
        (check, loaded.place_of(path[:2]))
        for path, check in checks_with_paths(loaded.behaviour)
        if loaded.behaviour.claims(check, claims)
    ]


def claimed_check(loaded: LoadedBehaviour, claims: str, check: str) -> tuple[Check, Position]:
    """Return the check with the given id that a file claims for a model, with its place.

    Raises:
        MiChecksError: the file claims nothing about that model, has no such check for it, or the check is a role's.
    """
    behaviour, shown = loaded.behaviour, loaded.source.display_path
    if claims not in behaviour.models:
        raise MiChecksError(
            f"{shown} claims nothing about {claims!r}; "
            "choose with --model whose claims the checkpoints are tested against: "
            f"{comma_list(behaviour.models)}{did_you_mean(claims, behaviour.models)}"
        )
    if behaviour.is_absent(claims):
        checks: dict[str, tuple[Check, Position]] = {ABSENT: (AbsentCheck(), loaded.place_of(("models", claims)))}
    else:
        checks = {each.id: (each, place) for each, place in claimed_checks(loaded, claims)}
    if check not in checks:
        if check in {each.id for each in behaviour.role_checks}:
            raise MiChecksError(
                f"{check} tests which nodes a role is bound to, and cannot be bisected; choose one of "
                f"{comma_list(checks)}"
            )
        raise MiChecksError(
            f"{shown} has no check {check!r} for {claims}; its checks: {comma_list(checks)}"
            + did_you_mean(check, checks)
        )
    return checks[check]
