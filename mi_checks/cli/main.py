"""The entry point of `mi-checks`, for everything that is not a pytest run."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import TextIO

from mi_checks import __version__
from mi_checks.cli import calibrate, compare, discover, emergence, history, matrix, mine, models, report
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import (
    CLI_MEMORY_REMEDY,
    UnexpectedError,
    is_not_a_failure,
    is_out_of_memory,
    one_line,
    report_cause,
    report_traceback,
    tracebacks_written_to,
    unexpected_error,
)

VERBS = (discover, matrix, emergence, report, compare, history, mine, calibrate, models)  # in the order of the help
# exit codes; the last two are those that a shell reports
USER_ERROR, UNEXPECTED_ERROR, SIGINT_EXIT, SIGPIPE_EXIT = 2, 3, 130, 141
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    A mistake in the arguments, and anything that the system refuses (reading or writing a file, allocating memory), is
    one line on standard error and exit code 2. An unexpected exception is one line and exit code 3.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        # a token may contain characters that cannot be encoded, such as a lone surrogate
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        parser = _parser()
        options = parser.parse_args(arguments)
    except SystemExit:  # the help, the version or an error in the arguments has been printed
        write_error = _write_error(sys.stdout)
        if write_error is None:
            raise
        return _report_write_error(write_error)
    with tracebacks_written_to(sys.stderr) if options.debug else nullcontext():
        return _run(options)


def _run(options: argparse.Namespace) -> int:
    try:
        code: int | None = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return SIGINT_EXIT
    except UnexpectedError as error:
        return _report_error(
            str(error), USER_ERROR if error.__cause__ and is_out_of_memory(error.__cause__) else UNEXPECTED_ERROR
        )
    except MiChecksError as error:
        report_cause(error)
        return _report_error(str(error), USER_ERROR)
    except OSError as error:
        # An error from opening a file has the file's name; an error from printing has none.
        write_error = error if error.errno in UNWRITABLE and error.filename is None else _write_error(sys.stdout)
        if write_error is not None:
            return _report_write_error(write_error)
        report_traceback(one_line(error), error)
        by_name = error.strerror is not None and isinstance(error.filename, str)
        return _report_error(f"{error.filename}: {error.strerror}" if by_name else one_line(error), USER_ERROR)
    except sqlite3.Error as error:
        report_traceback(one_line(error), error)
        return _report_error(f"the history cannot be read or written: {error}", USER_ERROR)
    except BaseException as error:
        if is_not_a_failure(error):
            raise
        line = str(unexpected_error(error, options.verb, CLI_MEMORY_REMEDY))
        return _report_error(line, USER_ERROR if is_out_of_memory(error) else UNEXPECTED_ERROR)
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mi-checks",
        description="Commands that accompany the pytest plugin: discover circuits, compare models and runs, draw "
        "reports.",
        epilog="The behaviours themselves are run by pytest: pytest behaviours/ --mi-model NAME",
    )
    parser.add_argument("--version", action="version", version=f"mi-checks {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.register(verbs)
    for name, each in _last_parsers(parser, ()):
        # Also accept the name of pytest's option, since messages mention it.
        each.add_argument(
            "--debug", "--mi-debug", action="store_true", help="show the traceback of an unexpected error"
        )
        each.set_defaults(verb=name)
    return parser


def _last_parsers(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the parsers without further verbs below them, each with the words that lead to it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield " ".join(words), parser
    for action in below:
        for word, each in action.choices.items():
            yield from _last_parsers(each, (*words, word))


def _report_error(line: str, code: int) -> int:
    """Write a line to standard error if possible; return the exit code."""
    try:
        print(f"mi-checks: {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _discard(sys.stderr)
    return code


def _write_error(stream: TextIO) -> OSError | None:
    """Return the error if printed output could not be written, or None."""
    try:
        stream.flush()
    except OSError as error:
        return error
    return None


def _report_write_error(error: OSError) -> int:
    """Report that the output cannot be written, unless its reader, such as `| head`, has closed the pipe."""
    _discard(sys.stdout)
    if error.errno == errno.EPIPE:
        return SIGPIPE_EXIT
    return _report_error(f"cannot write the output: {error.strerror or error}", USER_ERROR)


def _discard(stream: TextIO) -> None:
    """Send further output to the null device; otherwise Python reports the same error once more when it exits."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
