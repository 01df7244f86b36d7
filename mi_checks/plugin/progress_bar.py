"""Where a run may draw a progress bar."""

from __future__ import annotations

import io
from contextlib import nullcontext

import pytest


class Terminal(io.TextIOBase):
    """Writes past pytest's capture, which is on whenever a check runs."""

    def __init__(self, config: pytest.Config) -> None:
        self._writer = config.get_terminal_writer()
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def write(self, text: str) -> int:
        """Characters written: all."""
        with nullcontext() if self._capture is None else self._capture.global_and_fixture_disabled():
            self._writer.write(text, flush=True)
        return len(text)


def terminal_of(config: pytest.Config) -> Terminal | None:
    """Where a progress bar may be drawn: nowhere on an xdist worker or when the output is a file."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return Terminal(config) if reporter is not None and reporter.isatty else None
