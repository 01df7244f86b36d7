"""Errors in functions that a project adds (pools, scores), told with the function's name, its file and the line."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import in_a_line, out_of_memory, passes_through, raised_at


@contextmanager
def calling(what: str, files: Collection[str], root: Path | None = None) -> Iterator[None]:
    """Turn whatever a function of the project raises into a `MiChecksError` that says where.

    Args:
        what: the function, such as `the score 'probability'`.
        files: those that may hold it, as Python's frames name them.
        root: what paths are shown relative to; None for the working directory.

    Raises:
        MiChecksError: it raised something. What says that memory ran out is left as it is, since fewer prompts at once
            may help.
    """
    try:
        yield
    except BaseException as error:
        foreign = not isinstance(error, SystemExit) and passes_through(error)
        if isinstance(error, MiChecksError) or foreign or out_of_memory(error):
            raise
        place = raised_at(error, files)
        shown = ", ".join(_shown(file, root) for file in sorted(files)) if place is None else _shown(place[0], root)
        line = "" if place is None else f":{place[1]}"
        before = f"{shown}{line}: " if shown else ""
        raise MiChecksError(
            f"{before}{what} raised {in_a_line(error)}; correct it there, or run with --mi-debug to see its traceback"
        ) from error


def file_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the file that a function of the project stands in, as Python's frames name it; none if it has none."""
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None) or getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004
    return () if code is None else (code.co_filename,)


def _shown(file: str, root: Path | None) -> str:
    path, root = Path(file), Path.cwd() if root is None else root
    return str(path.relative_to(root)) if path.is_relative_to(root) else file
