"""Validation of the names in a query against those in the history."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.problems import listed

MAX_SHOWN_NAMES = 20


def require(connection: sqlite3.Connection, behaviour: str, check: str | None, model: str | None) -> None:
    """Raise if no run has such a check.

    Raises:
        MiChecksError: no run has such a behaviour, model or check; the message lists those that exist.
    """
    rows = connection.execute(
        'SELECT model, "check" FROM series WHERE behaviour = ? ORDER BY id', (behaviour,)
    ).fetchall()
    if not rows:
        behaviours = connection.execute("SELECT DISTINCT behaviour FROM series ORDER BY behaviour")
        raise MiChecksError(unknown("behaviour", behaviour, "the history", [name for (name,) in behaviours]))
    if model is not None:
        models = list(dict.fromkeys(name for name, _ in rows))
        if model not in models:
            raise MiChecksError(unknown("model", model, f"the history of {behaviour}", models))
    checks = list(dict.fromkeys(name for of, name in rows if model in (None, of)))
    if check is not None and check not in checks:
        where = f"{behaviour} on {model}" if model else behaviour
        raise MiChecksError(unknown("check", check, f"the history of {where}", checks))


def unknown(kind: str, word: str, where: str, names: Sequence[str]) -> str:
    """Return the message that a name is unknown, with the names that exist and the nearest one."""
    if not names:
        return f"{where} has no {kind} {word!r}: it is empty; pytest --mi-history PATH adds runs to it"
    more = f" and {len(names) - MAX_SHOWN_NAMES} more" if len(names) > MAX_SHOWN_NAMES else ""
    return f"{where} has no {kind} {word!r}; it has {listed(names[:MAX_SHOWN_NAMES])}{more}{did_you_mean(word, names)}"
