"""Silence for transformers: no progress bars and no warnings."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from transformers.utils import logging


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the progress bars and warnings of transformers, not all of which can be switched off."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
