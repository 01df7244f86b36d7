"""What the history already holds of one check on one set of weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from mi_checks.history.check_over_time import RESULT, Point, point
from mi_checks.history.moment import COLUMNS
from mi_checks.history.run_store import History


@dataclass(frozen=True)
class Asked:
    """What must be equal for a result to be the one that measuring would give again.

    Attributes:
        behaviour: its name.
        model: the name whose claims hold.
        check: its id.
        claims_sha256: `identity.claims_digest` of the behaviour.
        dtype: of the weights in use.
        version: of mi-checks.
    """

    behaviour: str
    model: str
    check: str
    claims_sha256: str
    dtype: str
    version: str


def recalled(history: History, asked: Asked, weights_sha256: str, prompts_sha256: Callable[[], str]) -> Point | None:
    """The latest such result; one that could not be measured is none.

    Args:
        history: where to look.
        asked: what must be equal.
        weights_sha256: likewise.
        prompts_sha256: likewise; asked for only where all else is found, as the model may have to be loaded for it.
    """
    rows = history.connection.execute(
        f"SELECT versions, {COLUMNS}, {RESULT} FROM models "  # noqa: S608
        "JOIN runs ON runs.id = models.run JOIN results ON results.run = models.run "
        "JOIN series ON series.id = results.series AND series.model = models.name "
        'WHERE weights_sha256 = ? AND dtype = ? AND behaviour = ? AND name = ? AND "check" = ? '
        "AND behaviour_sha256 = ? AND outcome IN ('pass', 'fail', 'inconclusive') ORDER BY started DESC, runs.id DESC",
        (weights_sha256, asked.dtype, asked.behaviour, asked.model, asked.check, asked.claims_sha256),
    ).fetchall()
    found = [point(row[1:]) for row in rows if json.loads(row[0]).get("mi-checks") == asked.version]
    if not found:
        return None
    prompts = prompts_sha256()
    return next((each for each in found if each.prompts_sha256 == prompts), None)
