"""Runs and records read from JSON: a run file of any schema, and records from another process."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from mi_checks.errors import MiChecksError
from mi_checks.results.older_runs import upgraded
from mi_checks.results.run import SCHEMA_VERSION, Run
from mi_checks.results.write_run import JOURNAL_SUFFIX, join_journals, journal_files

AGAIN = "run pytest again, or copy the file again"
Record = TypeVar("Record")


class NotARunError(MiChecksError):
    """A file is JSON, but not a run."""


def read_run(path: Path | str) -> Run:
    """Return the run in a file or in journals; a run of an older schema is upgraded.

    Raises:
        NotARunError: the file is JSON, but not a run.
        MiChecksError: there is no such file, or it is not a run that can be read.
    """
    path = Path(path)
    if path.name.endswith(JOURNAL_SUFFIX):
        return _journal(path)
    return parse_run(read_text(path), path)


def parse_run(text: str, path: Path | str) -> Run:
    """Return the run in a text.

    Args:
        text: the contents of a run's file.
        path: the file's name in messages.

    Raises:
        NotARunError: the text is JSON, but not a run.
        MiChecksError: the text is not a run that can be read.
    """
    data = _data(text, Path(path))
    if not isinstance(data, dict) or not {"schema_version", "results", "command"} <= set(data):
        raise NotARunError(f"{path} is JSON but not a run; name a file written by pytest --mi-run")
    version = data["schema_version"]
    if type(version) is not int or version < 1:
        raise MiChecksError(f"{path}: schema_version {version!r} does not exist; {AGAIN}")
    if version > SCHEMA_VERSION:
        raise MiChecksError(
            f"{path} is a run of schema {version}, and this mi-checks reads schemas up to {SCHEMA_VERSION}: install a "
            "newer mi-checks, or run pytest again with this one"
        )
    try:
        return _validated(upgraded(data, version))
    except ValidationError as error:
        first, *others = error.errors()
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
        more = f" (and {len(others)} more)" if others else ""
        raise MiChecksError(
            f"{path} is not a run as pytest writes it: {place}: {first['msg']}{more}; {AGAIN}"
        ) from None
    except (AttributeError, KeyError, TypeError):  # raised by an upgrade
        raise MiChecksError(f"{path} is not a run of schema {version}, although it says so; {AGAIN}") from None


def _validated(data: dict[str, Any]) -> Run:
    try:
        run: Run = _adapter(Run).validate_json(json.dumps(data), strict=True)
    except ValidationError:
        text = json.dumps(data, ensure_ascii=False)
        legible = text.encode(errors="replace").decode()
        if text == legible:
            raise
        # A lone surrogate in a token: pydantic does not read it from JSON, and is less strict with Python data.
        _adapter(Run).validate_json(legible, strict=True)
        run = record_from_data(Run, data)
    return run


def read_text(path: Path) -> str:
    """Return the text of a run's file.

    Raises:
        MiChecksError: there is no such file, or it is not text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        left = f"; a run that was killed left {str(path) + JOURNAL_SUFFIX!r}" if journal_files(path) else ""
        beside = left or "; pytest writes one beside its report (--mi-run)"
        raise MiChecksError(f"the run {str(path)!r} does not exist{beside}") from None
    except IsADirectoryError:
        raise MiChecksError(f"{path} is a folder; name the run in it, such as {path / 'report.json'}") from None
    except OSError as error:
        raise MiChecksError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise MiChecksError(f"{path} is not text and so not a run; name a file written by pytest --mi-run") from None


def _journal(path: Path) -> Run:
    """Return what is left of a run that was killed: the complete lines of its journals."""
    runs = []
    for part in journal_files(path.with_name(path.name.removesuffix(JOURNAL_SUFFIX))):
        *lines, _ = read_text(part).split("\n")  # after the last line break: nothing, or an incomplete line
        runs += [parse_run(line, part) for line in lines]
    if not runs:
        raise MiChecksError(f"{path} has no complete line of a run that was killed; {AGAIN}")
    try:
        return join_journals(runs)
    except ValueError:
        raise MiChecksError(f"{path} does not say when its run began; {AGAIN}") from None


def _data(text: str, path: Path) -> Any:
    if re.search(r"^(<{7}|>{7}) ", text, re.MULTILINE):
        raise MiChecksError(f"{path} has conflict markers of a merge; keep one side's whole file")
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_float)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{") and (
            "Unterminated" in error.msg or re.fullmatch(r"[\w.+-]*\s*", text[error.pos :])
        ):
            raise MiChecksError(f"{path} is incomplete: it ends within the run; {AGAIN}") from None
        beside = f"; the run beside a report is {path.with_suffix('.json')}" if path.suffix == ".html" else ""
        raise MiChecksError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}{beside}") from None
    except RecursionError:
        raise MiChecksError(f"{path} is nested more deeply than any run; {AGAIN}") from None
    except _NotFiniteError as error:
        raise MiChecksError(f"{path} contains {error}, which no run contains; {AGAIN}") from None


class _NotFiniteError(Exception):
    pass


def _refuse_constant(word: str) -> float:
    raise _NotFiniteError(word)


def _finite_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _NotFiniteError(text)
    return value


def record_from_data(kind: type[Record], data: dict[str, Any]) -> Record:
    """Return the record of a class to which `as_data` was applied, as when it crossed a process boundary."""
    return cast("Record", _adapter(kind).validate_python(data))  # type: ignore[arg-type]  # a class is hashable


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
