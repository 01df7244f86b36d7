"""Values of variables from CSV and JSONL files and from a project's pools; every mistake is reported at its line."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.behaviour import AnyPrompts
from mi_checks.spec.problems import Keys, SpecError, SpecProblem, comma_list, describe
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.template import MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR
from mi_checks.spec.variables import AnyVariable, FiniteVariable, FromFile, FromPool, ListedValue, SuppliedValues
from mi_checks.spec.yaml_source import NON_TEXT_CHARACTER, YamlSource, missing_file_message, read_text, resolve_beside

TextFields = dict[str, str]
# A line number, with the row that begins there or a message about the mistake in it.
NumberedRow = tuple[int, TextFields | str]

MAX_REPORTED_MISTAKES = 10  # in one file: a mistake in a column repeats in every row


def read_rows(path: Path, display_path: str) -> tuple[TextFields, ...]:
    """Return the rows of a data file; a repeated call re-reads it only if mtime or size changed.

    Args:
        path: the file.
        display_path: the file as the user would name it.

    Raises:
        SpecError: the file has mistakes; the first ten are listed, with the number of the rest.
        MiChecksError: the file cannot be read.
    """
    state = path.stat()
    return _read(path, display_path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=32)
def _read(path: Path, display_path: str, _changed: int, _size: int) -> tuple[TextFields, ...]:
    rows: list[TextFields] = []
    mistakes: list[SpecProblem] = []
    for line, row in ROW_READERS[path.suffix](read_text(path, display_path)):
        message = row if isinstance(row, str) else _forbidden_character(row)
        if message:
            mistakes.append(SpecProblem(display_path, line, 1, message))
        elif isinstance(row, dict):
            rows.append(row)
    if len(mistakes) > MAX_REPORTED_MISTAKES:
        more = f"… and {len(mistakes) - MAX_REPORTED_MISTAKES} more mistakes in this file"
        mistakes[MAX_REPORTED_MISTAKES:] = [SpecProblem(display_path, mistakes[MAX_REPORTED_MISTAKES].line, 1, more)]
    if not rows and not mistakes:
        mistakes.append(SpecProblem(display_path, 1, 1, "the file has no rows; add at least one"))
    if mistakes:
        raise SpecError(mistakes)
    return tuple(rows)


def _forbidden_character(row: TextFields) -> str | None:
    for field, text in row.items():
        if any(mark in text for mark in (MARK_OPEN, MARK_SEPARATOR, MARK_CLOSE)):
            return f"{field!r} contains a character that is reserved for labels (U+E000 to U+E002); remove it"
        if character := NON_TEXT_CHARACTER.search(text):
            return f"{field!r} contains the character U+{ord(character[0]):04X}, which is not allowed in text"
    return None


def _read_csv(text: str) -> Iterator[NumberedRow]:
    # Without `strict`, an unclosed quote would swallow the rest of the file.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield line, f"not valid CSV: {error}"
            return
        if fields is None:
            return
        if not fields:
            continue  # a blank line
        if header is None:
            header = [name.strip() for name in fields]  # spaces matter in a value, but not in a column's name
            if message := _header_problem(header):
                yield line, message
                return
        elif len(fields) != len(header):
            yield (
                line,
                f"this row has {_field_count(len(fields))}, but the header has {len(header)}: {comma_list(header)}",
            )
        else:
            yield line, dict(zip(header, fields, strict=True))


def _field_count(count: int) -> str:
    return f"{count} field{'' if count == 1 else 's'}"


def _header_problem(header: list[str]) -> str | None:
    for place, name in enumerate(header):
        if not name:
            return f"the header has no name for column {place + 1}; the first line names the columns"
        if name in header[:place]:
            return f"the header has the column {name!r} twice"
    return None


def _read_jsonl(text: str) -> Iterator[NumberedRow]:
    first: TextFields | None = None
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip():
            continue
        row = _json_row(line)
        if isinstance(row, dict):
            first = row if first is None else first
            if set(row) != set(first):
                row = (
                    f"this row has the fields {comma_list(row)}, but the first has {comma_list(first)}; "
                    "give every row the same fields"
                )
        yield number, row


def _json_row(line: str) -> TextFields | str:
    repeated_keys: list[str] = []

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        repeated_keys.extend(key for place, key in enumerate(keys) if key in keys[:place])
        return dict(pairs)

    try:
        row = json.loads(line, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        return f"not valid JSON: {error.msg} (column {error.colno})"
    except (RecursionError, ValueError):  # very deep nesting, or a number with thousands of digits
        return "not valid JSON: it is nested too deeply, or a number is too large"
    if not isinstance(row, dict) or not row:
        kind = "empty" if isinstance(row, dict) else describe(row)
        return f'a row must be an object with fields, such as {{"noun": "key", "verb": "is"}}; it is {kind}'
    if repeated_keys:
        return f"the field {repeated_keys[0]!r} appears twice"
    for field, value in row.items():
        if not field.strip():
            return "a field has no name; name it or remove it"
        if not isinstance(value, str):
            return f"{field!r} must be text, not {describe(value)}" + (
                "" if value is None else "; put quotes around it"
            )
    return row


ROW_READERS: dict[str, Callable[[str], Iterator[NumberedRow]]] = {".csv": _read_csv, ".jsonl": _read_jsonl}


def load_values(
    source: YamlSource, prompts: AnyPrompts, pools: Mapping[str, tuple[str, ...]]
) -> tuple[AnyPrompts, list[SpecProblem]]:
    """Return the prompts with values read from data files and the project's pools, and the mistakes in the files.

    Args:
        source: the behaviour file that contains the prompts; paths of data files are relative to it.
        prompts: the prompts, whose variables may name a file or a pool.
        pools: the values of each pool that the project adds; other pools stay as they are.
    """
    if isinstance(prompts, QuotedPrompts):
        return prompts, []
    problems: list[SpecProblem] = []
    variables: dict[str, AnyVariable] = {}
    for name, variable in prompts.variables.items():
        variables[name] = variable
        if isinstance(variable, FromPool) and variable.pool in pools:
            variables[name] = _supplied_values(variable, pools[variable.pool], f"pool {variable.pool!r}")
        if isinstance(variable, FromFile):
            file_values = _from_file(source, ("prompts", "variables", name, "file"), variable)
            if isinstance(file_values, SuppliedValues):
                variables[name] = file_values
            else:
                problems += file_values
    return prompts.model_copy(update={"variables": variables}), problems


def _from_file(source: YamlSource, place: Keys, variable: FromFile) -> SuppliedValues | tuple[SpecProblem, ...]:
    owner = source.file_of(place)
    path = resolve_beside(owner, variable.file)
    if isinstance(path, str):
        return (source.problem(place, path),)
    if path.suffix not in ROW_READERS:
        message = f"{variable.file!r} is not a data file; its name must end with {' or '.join(ROW_READERS)}"
        return (source.problem(place, message + did_you_mean(path.suffix, ROW_READERS)),)
    if not os.path.isfile(path):  # Path.is_file raises OSError for an overlong name
        return (source.problem(place, missing_file_message(path, variable.file)),)
    display_path = source.position(place).file or source.display_path
    try:
        rows = read_rows(path, (Path(display_path).parent / variable.file).as_posix())
    except SpecError as error:
        return error.problems
    except MiChecksError as error:
        return (source.problem(place, str(error)),)
    return _supplied_values(variable, rows, f"the file {variable.file!r}")


def _supplied_values(variable: FiniteVariable, values: tuple[ListedValue, ...], origin: str) -> SuppliedValues:
    return SuppliedValues.model_construct(
        values=values, origin=origin, differs_from=variable.differs_from, where=variable.where, rows=variable.rows
    )
