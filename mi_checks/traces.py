"""Tracebacks of unexpected errors, kept for `--mi-debug`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mi_checks.unexpected import LOG


class Traces(logging.Handler):
    """Collects what the log `mi_checks` is told of errors, from `start` to `stop`.

    Attributes:
        found: each error in a line, with its traceback below.
    """

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.found.append(self.format(record))

    def start(self) -> None:
        """Collect from now on, and keep it from pytest's own capture of logs, which would show it a second time."""
        LOG.addHandler(self)
        LOG.setLevel(logging.DEBUG)
        LOG.propagate = False

    def stop(self) -> None:
        """Collect no more."""
        LOG.removeHandler(self)
        LOG.setLevel(logging.NOTSET)
        LOG.propagate = True

    def lines(self) -> list[str]:
        """Return all of it, line by line."""
        return [line for each in self.found for line in ("", *each.splitlines())]


@contextmanager
def shown_at_once(stream: TextIO) -> Iterator[None]:
    """Write every error with its traceback to a stream as soon as it comes up, as long as this lasts."""
    handler = logging.StreamHandler(stream)
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False
    try:
        yield
    finally:
        LOG.removeHandler(handler)
        LOG.setLevel(logging.NOTSET)
        LOG.propagate = True
