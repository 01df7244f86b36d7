"""The exception and the warning that users of mi-checks meet: what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MiChecksError(Exception):
    """A mistake in an input (a behaviour, a model name, a prompt pool, weights), in one readable message."""


class DeprecatedNameWarning(FutureWarning):
    """An old name in a behaviour file that still works; the message gives the file, the line and the new name."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` with the known word nearest to `word`, or "" if none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""
