"""The interface by which a long calculation shows its progress, and a progress bar for a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any, TextIO

# Takes the items of a calculation, their number and a title, and yields the items.
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]

PROGRESS_DELAY_S = 3.0  # seconds that a calculation may take before it shows a bar


def no_progress(items: Iterable[Any], _total: int, _title: str) -> Iterable[Any]:
    """Return the items unchanged, without showing any progress."""
    return items


def progress_bar(stream: TextIO | io.TextIOBase) -> Progress:
    """Return a function that draws a progress bar on a stream if that is a terminal, and does nothing otherwise."""

    def bar(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        if not stream.isatty():
            return items
        from tqdm import tqdm

        return tqdm(items, total=total, desc=title, delay=PROGRESS_DELAY_S, leave=False, file=stream)

    return bar
