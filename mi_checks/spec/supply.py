"""Loading of the values of variables that are not written in the behaviour file itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.behaviour import AnyPrompts
from mi_checks.spec.beside import beside, missing
from mi_checks.spec.data_files import FORMATS, read_rows
from mi_checks.spec.problems import Problem, SpecError
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.variables import AnyVariable, FromFile, FromPool, Row, Supplied, Variable
from mi_checks.spec.yaml_source import Keys, YamlSource


def supplied(
    source: YamlSource, prompts: AnyPrompts, pools: Mapping[str, tuple[str, ...]]
) -> tuple[AnyPrompts, list[Problem]]:
    """Return the prompts with the values of data files and of the project's pools, and the mistakes in the files."""
    problems: list[Problem] = []
    if isinstance(prompts, QuotedPrompts):
        return prompts, problems
    variables: dict[str, AnyVariable] = {}
    for name, variable in prompts.variables.items():
        variables[name] = variable
        if isinstance(variable, FromPool) and variable.pool in pools:
            variables[name] = _given(variable, pools[variable.pool], f"pool {variable.pool!r}")
        if isinstance(variable, FromFile):
            file_values = _from_file(source, ("prompts", "variables", name, "file"), variable)
            if isinstance(file_values, Supplied):
                variables[name] = file_values
            else:
                problems += file_values
    return prompts.model_copy(update={"variables": variables}), problems


def _from_file(source: YamlSource, place: Keys, variable: FromFile) -> Supplied | tuple[Problem, ...]:
    owner = source.file_of(place)
    path = beside(owner, variable.file)
    if isinstance(path, str):
        return (source.problem(place, path),)
    if path.suffix not in FORMATS:
        message = f"{variable.file!r} is no data file; its name ends with {' or '.join(FORMATS)}"
        return (source.problem(place, message + did_you_mean(path.suffix, FORMATS)),)
    if not os.path.isfile(path):  # Path.is_file would raise for a name that is too long
        return (source.problem(place, missing(path, variable.file)),)
    shown = source.position(place).file or source.shown
    try:
        rows = read_rows(path, (Path(shown).parent / variable.file).as_posix())
    except SpecError as error:
        return error.problems
    except MiChecksError as error:
        return (source.problem(place, str(error)),)
    return _given(variable, rows, f"the file {variable.file!r}")


def _given(variable: Variable, values: tuple[Row, ...], origin: str) -> Supplied:
    return Supplied.model_construct(
        values=values, origin=origin, differs_from=variable.differs_from, where=variable.where
    )
