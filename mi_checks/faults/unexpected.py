"""Exceptions that no part of mi-checks foresaw, as one readable line: where, what happened, and what to do about it.

Tracebacks are told to whoever listens, which `--mi-debug` has someone do. (As records of Python's logging they would be
shown twice, since pytest captures those and shows them with each item that fails.)
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from mi_checks.errors import MiChecksError

LISTENERS: list[Callable[[str], None]] = []  # called with each unexpected error in a line, its traceback below
MAX_LINE_LENGTH = 300  # characters of a library's message: some list a whole vocabulary
LESS_MEMORY = "lower --mi-count or --mi-memory"
FEWER_PROMPTS = "use fewer prompts (--count) or a smaller model"
OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "DefaultCPUAllocator")


class Unexpected(MiChecksError):
    """An exception that nobody foresaw, told with its place in one line. The exception itself is its `__cause__`."""


class SaidBefore(MiChecksError):
    """A failure of which an earlier error has given the reason."""


@contextmanager
def placed(where: str, less_memory: str = LESS_MEMORY) -> Iterator[None]:
    """Turn any exception that nobody foresaw into a `MiChecksError` of one line.

    Interruptions and the outcomes of pytest pass through, and so does a `MiChecksError`.

    Args:
        where: what is being done and where, such as `behaviours/ab.yaml:19: accuracy on nano-attn-2l`.
        less_memory: what to do when memory runs out.

    Raises:
        Unexpected: an exception of a library, of the project, or of our own.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, MiChecksError) or passes_through(error):
            raise
        raise unexpected(error, where, less_memory) from error


def unexpected(error: BaseException, where: str, less_memory: str = LESS_MEMORY) -> Unexpected:
    """Return the error of one line that stands for an unforeseen exception, and tell its traceback."""
    if out_of_memory(error):
        line = f"{where} ran out of memory ({in_a_line(error)}); {less_memory}"
    else:
        line = f"{where} stopped at an unexpected {in_a_line(error)}; {how_to_see_where()}"
    tell_traceback(line, error)
    return Unexpected(line)


def passes_through(error: BaseException) -> bool:
    """Return whether an exception is no failure: an interruption, the end of a process, or an outcome of pytest."""
    if isinstance(error, Exception):
        return _is_one_of(error, ("pytest", "exit"), ("bdb", "BdbQuit"), ("unittest", "SkipTest"))
    return type(error).__name__ != "PanicException"  # of a library written in Rust, which derives it from BaseException


def is_outcome(error: BaseException) -> bool:
    """Return whether an exception is pytest's way to skip or fail an item."""
    return _is_one_of(error, ("pytest", "skip"), ("pytest", "fail"), ("unittest", "SkipTest"))


def _is_one_of(error: BaseException, *kinds: tuple[str, str]) -> bool:
    # Looked up instead of imported: whoever has not imported them has raised none.
    for module, name in kinds:
        kind = getattr(sys.modules.get(module), name, None)
        kind = getattr(kind, "Exception", kind)
        if isinstance(kind, type) and isinstance(error, kind):
            return True
    return False


def out_of_memory(error: BaseException) -> bool:
    """Return whether an exception says that memory ran out, on a CPU or a GPU."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):  # torch's
        return True
    # A CPU allocation that fails is a plain RuntimeError.
    return isinstance(error, RuntimeError) and any(text in str(error) for text in OUT_OF_MEMORY)


def in_a_line(error: BaseException) -> str:
    """Return an exception's kind and message in one line of printable characters, cut where it is too long."""
    try:
        text = " ".join(str(error).split()).rstrip(".")
    except Exception:  # the message of a library's exception may itself fail
        text = ""
    name = type(error).__name__
    line = "".join(letter if letter.isprintable() else "�" for letter in (f"{name}: {text}" if text else name))
    return line if len(line) <= MAX_LINE_LENGTH else f"{line[: MAX_LINE_LENGTH - 1]}…"


def reason(error: BaseException) -> str:
    """Return why something failed: the first line of one of our errors, or kind and message of any other."""
    if not isinstance(error, MiChecksError):
        return in_a_line(error)
    first = str(error).partition("\n")[0]
    return first if len(first) <= MAX_LINE_LENGTH else f"{first[: MAX_LINE_LENGTH - 1]}…"


def how_to_see_where() -> str:
    """Return how to see an exception's traceback, or that it is shown already."""
    return "its traceback is shown apart" if LISTENERS else "run with --mi-debug to see where"


def tell_traceback(line: str, error: BaseException) -> None:
    """Tell those who listen the traceback of an exception, below a line that says what it was."""
    if LISTENERS:
        text = "".join((line, "\n", *traceback.format_exception(error)))
        for listener in LISTENERS:
            listener(text)


def tell_cause(error: MiChecksError) -> None:
    """Tell the traceback of the exception that was behind one of our errors, if there was one."""
    if error.__cause__ is not None and not isinstance(error, Unexpected):  # that of an `Unexpected` is told already
        tell_traceback(reason(error), error)


def raised_at(error: BaseException, files: Collection[str]) -> tuple[str, int] | None:
    """Return the file and line of a traceback's innermost frame in one of these files, or None where there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return (frames[-1].filename, frames[-1].lineno or 1) if frames else None
