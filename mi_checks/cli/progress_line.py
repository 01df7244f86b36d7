"""Progress of long commands on standard error: a bar, or a line with the current step and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TextIO

from mi_checks.output.numbers import duration

DELAY_S = 3.0  # seconds from the start before anything is shown
UPDATE_EVERY_S = 0.5  # seconds between updates
LINE_EVERY_S = 10.0  # seconds between lines if standard error is not a terminal
ERASE = "\r\x1b[K"


class ProgressLine:
    """A display of a command's steps: one changing line on a terminal, otherwise a line now and then.

    It is a context manager: between entering and leaving it, a separate thread updates the display.
    """

    def __init__(self, stream: TextIO, began: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start to count the delay, from now or from an earlier time of the clock."""
        self._stream = stream
        self._clock = clock
        self._began = clock() if began is None else began
        self._terminal = stream.isatty()
        self._step = ("", self._began, 0, 0)  # title, start time, completed steps, total steps
        self._last = -LINE_EVERY_S
        self._shown = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._update_repeatedly, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._erase()

    @property
    def current_step(self) -> str:
        """Return the current step and its progress, such as `heads, denoised: 120 of 270`, or "" before the first."""
        title, _, done, total = self._step
        return f"{title}: {done} of {total}" if total else title

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a title while a step of unknown length runs."""
        self._step = (title, self._clock(), 0, 0)
        yield
        self._step = ("", self._clock(), 0, 0)

    def progress(self, items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        """Yield items and show how many are done; see `mi_checks.output.progress.Progress`."""
        since = self._clock()
        self._step = (title, since, 0, total)
        for done, item in enumerate(items, 1):
            yield item
            self._step = (title, since, done, total)
        self._step = ("", self._clock(), 0, 0)

    def update(self) -> None:
        """Show the current step if an update is due."""
        now = self._clock()
        _, since, done, total = self._step
        if now - self._began < DELAY_S:
            return
        text = f"{self.current_step or 'working'}, {_left(now - since, done, total)}"
        if self._terminal:
            self._stream.write(f"{ERASE}{text}")
            self._shown = True
        elif now - self._last >= LINE_EVERY_S:
            self._stream.write(f"{text}\n")
            self._last = now
        self._stream.flush()

    def _update_repeatedly(self) -> None:
        while not self._ended.wait(UPDATE_EVERY_S):
            self.update()

    def _erase(self) -> None:
        if self._shown:
            self._stream.write(ERASE)
            self._stream.flush()
            self._shown = False


def _left(passed: float, done: int, total: int) -> str:
    """Return text such as `about 35 s left`, or the time taken so far if the rest cannot be estimated."""
    if not done or not total:
        return f"{duration(passed, whole=True)} so far"
    return f"about {duration(passed / done * (total - done), whole=True)} left"
