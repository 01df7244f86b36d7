"""Errors in functions that a project adds (pools, scores), reported with the function's name, file and line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import is_not_a_failure, is_out_of_memory, one_line, raising_line


@contextmanager
def report_project_errors(what: str, files: Collection[str], root: Path | None = None) -> Iterator[None]:
    """Turn whatever a function of the project raises into a `MiChecksError` that says where it was raised.

    Args:
        what: the function, such as `the score 'probability'`.
        files: the files that may contain it, as Python's frames name them.
        root: the folder to which paths are shown relative; None for the working directory.

    Raises:
        MiChecksError: the function raised something. An exception that says that memory ran out is not converted,
            because running fewer prompts at once may help.
    """
    try:
        yield
    except BaseException as error:
        foreign = not isinstance(error, SystemExit) and is_not_a_failure(error)
        if isinstance(error, MiChecksError) or foreign or is_out_of_memory(error):
            raise
        place = raising_line(error, files)
        shown = ", ".join(_shown(file, root) for file in sorted(files)) if place is None else _shown(place[0], root)
        line = "" if place is None else f":{place[1]}"
        before = f"{shown}{line}: " if shown else ""
        raise MiChecksError(
            f"{before}{what} raised {one_line(error)}; fix it there, or run with --mi-debug to see its traceback"
        ) from error


def source_file(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the file of a function of the project, as Python's frames name it, or an empty tuple if it has none."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    return () if code is None else (code.co_filename,)


def _shown(file: str, root: Path | None) -> str:
    path, root = Path(file), Path.cwd() if root is None else root
    return str(path.relative_to(root)) if path.is_relative_to(root) else file
