"""Unexpected exceptions as one readable line: where, what happened, and what to do about it.

Tracebacks are passed to the registered listeners, which `--mi-debug` provides. (If they were logged with Python's
logging, they would be shown twice, because pytest captures log records and shows them with each item that fails.)
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TextIO

from mi_checks.errors import MiChecksError

TRACEBACK_LISTENERS: list[
    Callable[[str], None]
] = []  # called with each unexpected error in one line, followed by its traceback
MAX_LINE_LENGTH = 300  # characters; some libraries' messages list a whole vocabulary
MEMORY_REMEDY = "lower --mi-count or --mi-memory"
CLI_MEMORY_REMEDY = "use fewer prompts (--count) or a smaller model"
OUT_OF_MEMORY_PHRASES = ("can't allocate memory", "not enough memory", "out of memory", "DefaultCPUAllocator")


class UnexpectedError(MiChecksError):
    """An unexpected exception, reported in one line with its place. The exception itself is its `__cause__`."""


class AlreadyReportedError(MiChecksError):
    """A failure whose reason an earlier error has given."""


@contextmanager
def report_errors_at(where: str, less_memory: str = MEMORY_REMEDY) -> Iterator[None]:
    """Turn any unexpected exception into a `MiChecksError` of one line.

    Interruptions, the outcomes of pytest and any `MiChecksError` pass through.

    Args:
        where: what is being done and where, such as `behaviours/ab.yaml:19: accuracy on nano-attn-2l`.
        less_memory: what to do if memory runs out.

    Raises:
        UnexpectedError: an exception of a library, of the project, or of mi-checks itself.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, MiChecksError) or is_not_a_failure(error):
            raise
        raise unexpected_error(error, where, less_memory) from error


def unexpected_error(error: BaseException, where: str, less_memory: str = MEMORY_REMEDY) -> UnexpectedError:
    """Return the error of one line for an unexpected exception, and report its traceback."""
    if is_out_of_memory(error):
        line = f"{where} ran out of memory ({one_line(error)}); {less_memory}"
    else:
        line = f"{where} stopped with an unexpected {one_line(error)}; {traceback_hint()}"
    report_traceback(line, error)
    return UnexpectedError(line)


def is_not_a_failure(error: BaseException) -> bool:
    """Return whether an exception is not a failure: an interruption, the end of a process, or an outcome of pytest."""
    if isinstance(error, Exception):
        return _is_one_of(error, ("pytest", "exit"), ("bdb", "BdbQuit"), ("unittest", "SkipTest"))
    return type(error).__name__ != "PanicException"  # of Rust libraries; a BaseException


def is_pytest_outcome(error: BaseException) -> bool:
    """Return whether an exception is pytest's way to skip or fail an item."""
    return _is_one_of(error, ("pytest", "skip"), ("pytest", "fail"), ("unittest", "SkipTest"))


def _is_one_of(error: BaseException, *kinds: tuple[str, str]) -> bool:
    # Looked up instead of imported: a module that was never imported cannot have raised anything.
    for module, name in kinds:
        kind = getattr(sys.modules.get(module), name, None)
        kind = getattr(kind, "Exception", kind)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out, on a CPU or a GPU."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):  # raised by torch
        return True
    # A CPU allocation that fails is a plain RuntimeError.
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY_PHRASES)


def one_line(error: BaseException) -> str:
    """Return an exception's type and message in one line of printable characters, truncated if it is too long."""
    try:
        text = " ".join(str(error).split()).rstrip(".")
    except Exception:  # the message of a library's exception may itself fail
        text = ""
    name = type(error).__name__
    line = "".join(letter if letter.isprintable() else "�" for letter in (f"{name}: {text}" if text else name))
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"


def failure_reason(error: BaseException) -> str:
    """Return why something failed: the first line of a `MiChecksError`, or type and message of any other exception."""
    if not isinstance(error, MiChecksError):
        return one_line(error)
    first = str(error).partition("\n")[0]
    return first if len(first) <= MAX_LINE_LENGTH else f"{first[: MAX_LINE_LENGTH - 1]}…"


def traceback_hint() -> str:
    """Return how to see an exception's traceback, or that it is shown already."""
    return "its traceback is shown separately" if TRACEBACK_LISTENERS else "run with --mi-debug to see where"


def report_traceback(line: str, error: BaseException) -> None:
    """Report the traceback of an exception to the listeners, below a line that says what happened."""
    if TRACEBACK_LISTENERS:
        text = "".join((line, "\n", *traceback.format_exception(error)))
        for listener in TRACEBACK_LISTENERS:
            listener(text)


def report_cause(error: MiChecksError) -> None:
    """Report the traceback of the exception that caused a `MiChecksError`, if there was one."""
    if error.__cause__ is not None and not isinstance(error, UnexpectedError):  # those were reported already
        report_traceback(failure_reason(error), error)


def raising_line(error: BaseException, files: Collection[str]) -> tuple[str, int] | None:
    """Return the file and line of a traceback's innermost frame in one of these files, or None if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return (frames[-1].filename, frames[-1].lineno or 1) if frames else None


class TracebackCollector:
    """A collector of tracebacks, active between `start` and `stop`.

    Attributes:
        reports: each error in one line, followed by its traceback.
    """

    def __init__(self) -> None:
        """Begin without tracebacks."""
        self.reports: list[str] = []

    def start(self) -> None:
        """Start collecting."""
        TRACEBACK_LISTENERS.append(self.reports.append)

    def stop(self) -> None:
        """Stop collecting."""
        if self.reports.append in TRACEBACK_LISTENERS:
            TRACEBACK_LISTENERS.remove(self.reports.append)

    def lines(self) -> list[str]:
        """Return all collected errors and tracebacks, line by line."""
        return [line for each in self.reports for line in ("", *each.splitlines())]


@contextmanager
def tracebacks_written_to(stream: TextIO) -> Iterator[None]:
    """Write every error with its traceback to a stream as soon as it occurs, while this context lasts."""

    def show(text: str) -> None:
        stream.write(text)

    TRACEBACK_LISTENERS.append(show)
    try:
        yield
    finally:
        TRACEBACK_LISTENERS.remove(show)
