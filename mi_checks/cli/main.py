"""`mi-checks`: the verbs that are not a pytest run."""

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
from mi_checks.faults.traces import shown_at_once
from mi_checks.faults.unexpected import (
    FEWER_PROMPTS,
    Unexpected,
    in_a_line,
    out_of_memory,
    passes_through,
    tell_cause,
    tell_traceback,
    unexpected,
)

VERBS = (discover, matrix, emergence, report, compare, history, mine, calibrate, models)  # in the order of the help
MISTAKE, BROKEN, INTERRUPTED, NOBODY_READS = 2, 3, 130, 141  # exit codes, the last two as a shell has them
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    A mistake in what was given, and whatever the system refuses (to read or write a file, to give memory), is one line
    on standard error and exit code 2. An exception that nobody foresaw is one line and exit code 3.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):  # a token may hold what cannot be written, such as a lone surrogate
            stream.reconfigure(errors="backslashreplace")
    try:
        parser = _parser()
        chosen = parser.parse_args(arguments)
    except SystemExit:  # the help or the version is printed, or what is wrong with the arguments
        refused = _refused(sys.stdout)
        if refused is None:
            raise
        return _unwritten(refused)
    with shown_at_once(sys.stderr) if chosen.debug else nullcontext():
        return _run(chosen)


def _run(chosen: argparse.Namespace) -> int:
    try:
        code: int | None = chosen.run(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Unexpected as error:
        return _told(str(error), MISTAKE if error.__cause__ and out_of_memory(error.__cause__) else BROKEN)
    except MiChecksError as error:
        tell_cause(error)
        return _told(str(error), MISTAKE)
    except OSError as error:
        # Of a file that is opened the error has the name; what is printed has none.
        refused = error if error.errno in UNWRITABLE and error.filename is None else _refused(sys.stdout)
        if refused is not None:
            return _unwritten(refused)
        tell_traceback(in_a_line(error), error)
        by_name = error.strerror is not None and isinstance(error.filename, str)
        return _told(f"{error.filename}: {error.strerror}" if by_name else in_a_line(error), MISTAKE)
    except sqlite3.Error as error:
        tell_traceback(in_a_line(error), error)
        return _told(f"the history cannot be read or written: {error}", MISTAKE)
    except BaseException as error:
        if passes_through(error):
            raise
        line = str(unexpected(error, chosen.verb, FEWER_PROMPTS))
        return _told(line, MISTAKE if out_of_memory(error) else BROKEN)
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mi-checks",
        description="pytest for circuits: what goes with the pytest plugin.",
        epilog="Behaviours are run by pytest: pytest behaviours/ --mi-model NAME",
    )
    parser.add_argument("--version", action="version", version=f"mi-checks {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.register(verbs)
    for name, each in _last_parsers(parser, ()):
        # The name that pytest has for it is taken as well, since messages say it.
        each.add_argument(
            "--debug", "--mi-debug", action="store_true", help="show the traceback of an unexpected error"
        )
        each.set_defaults(verb=name)
    return parser


def _last_parsers(
    parser: argparse.ArgumentParser, words: tuple[str, ...]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the parsers that have no further verbs below them, each with the words that lead to it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield " ".join(words), parser
    for action in below:
        for word, each in action.choices.items():
            yield from _last_parsers(each, (*words, word))


def _told(line: str, code: int) -> int:
    """Write a line on standard error, where that is possible; return the exit code."""
    try:
        print(f"mi-checks: {line}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _discard(sys.stderr)
    return code


def _refused(stream: TextIO) -> OSError | None:
    """Why what was printed could not be written, or None where it was."""
    try:
        stream.flush()
    except OSError as error:
        return error
    return None


def _unwritten(error: OSError) -> int:
    """Say that the output cannot be written, unless whoever reads it, such as `| head`, has read enough."""
    _discard(sys.stdout)
    if error.errno == errno.EPIPE:
        return NOBODY_READS
    return _told(f"cannot write the output: {error.strerror or error}", MISTAKE)


def _discard(stream: TextIO) -> None:
    """Let nothing more be written there: Python tries once more when it ends, and would report that as well."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
