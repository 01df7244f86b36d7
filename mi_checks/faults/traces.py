"""The tracebacks of unexpected errors, collected for `--mi-debug`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mi_checks.faults.unexpected import LISTENERS


class Traces:
    """A collector of tracebacks, active between `start` and `stop`.

    Attributes:
        found: each error in one line, followed by its traceback.
    """

    def __init__(self) -> None:
        """Begin without tracebacks."""
        self.found: list[str] = []

    def start(self) -> None:
        """Start collecting."""
        LISTENERS.append(self.found.append)

    def stop(self) -> None:
        """Stop collecting."""
        if self.found.append in LISTENERS:
            LISTENERS.remove(self.found.append)

    def lines(self) -> list[str]:
        """Return all collected errors and tracebacks, line by line."""
        return [line for each in self.found for line in ("", *each.splitlines())]


@contextmanager
def shown_at_once(stream: TextIO) -> Iterator[None]:
    """Write every error with its traceback to a stream as soon as it occurs, while this context lasts."""

    def show(text: str) -> None:
        stream.write(text)

    LISTENERS.append(show)
    try:
        yield
    finally:
        LISTENERS.remove(show)
