"""Tracebacks of unexpected errors, kept for `--mi-debug`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mi_checks.faults.unexpected import LISTENERS


class Traces:
    """Collects tracebacks, from `start` to `stop`.

    Attributes:
        found: each error in a line, with its traceback below.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.found: list[str] = []

    def start(self) -> None:
        """Collect from now on."""
        LISTENERS.append(self.found.append)

    def stop(self) -> None:
        """Collect no more."""
        if self.found.append in LISTENERS:
            LISTENERS.remove(self.found.append)

    def lines(self) -> list[str]:
        """Return all of it, line by line."""
        return [line for each in self.found for line in ("", *each.splitlines())]


@contextmanager
def shown_at_once(stream: TextIO) -> Iterator[None]:
    """Write every error with its traceback to a stream as soon as it comes up, as long as this lasts."""

    def show(text: str) -> None:
        stream.write(text)

    LISTENERS.append(show)
    try:
        yield
    finally:
        LISTENERS.remove(show)
