"""Names that a question may use, or what is in the history instead."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.words import listed

NAMED = 20  # at most, of what is there


def require(connection: sqlite3.Connection, behaviour: str, check: str | None, model: str | None) -> None:
    """Nothing, if some run has such a check.

    Raises:
        MiChecksError: none has; the message says what there is.
    """
    rows = connection.execute(
        'SELECT model, "check" FROM series WHERE behaviour = ? ORDER BY id', (behaviour,)
    ).fetchall()
    if not rows:
        there = connection.execute("SELECT DISTINCT behaviour FROM series ORDER BY behaviour")
        raise MiChecksError(unknown("behaviour", behaviour, "the history", [name for (name,) in there]))
    if model is not None:
        models = list(dict.fromkeys(name for name, _ in rows))
        if model not in models:
            raise MiChecksError(unknown("model", model, f"the history of {behaviour}", models))
    checks = list(dict.fromkeys(name for of, name in rows if model in (None, of)))
    if check is not None and check not in checks:
        where = f"{behaviour} on {model}" if model else behaviour
        raise MiChecksError(unknown("check", check, f"the history of {where}", checks))


def unknown(kind: str, word: str, where: str, there: Sequence[str]) -> str:
    """That there is no such thing, what there is, and the nearest."""
    if not there:
        return f"{where} has no {kind} {word!r}: it is empty; pytest --mi-history PATH adds runs to it"
    more = f" and {len(there) - NAMED} more" if len(there) > NAMED else ""
    return f"{where} has no {kind} {word!r}; it has {listed(there[:NAMED])}{more}{did_you_mean(word, there)}"
