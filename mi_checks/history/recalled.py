"""The results that the history already has of one check on one set of weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from mi_checks.history.check_over_time import RESULT, Point, point
from mi_checks.history.moment import COLUMNS
from mi_checks.history.run_store import History


@dataclass(frozen=True)
class Asked:
    """The values that must be equal for a recorded result to be the one that another measurement would give.

    Attributes:
        behaviour: the behaviour's name.
        model: the name of the model whose claims are tested.
        check: the check's id.
        claims_sha256: `identity.claims_digest` of the behaviour.
        dtype: the dtype of the weights in use.
        version: the version of mi-checks.
    """

    behaviour: str
    model: str
    check: str
    claims_sha256: str
    dtype: str
    version: str


def recalled(history: History, asked: Asked, weights_sha256: str, prompts_sha256: Callable[[], str]) -> Point | None:
    """Return the latest matching result, or None; results that could not be measured do not count.

    Args:
        history: the history to search.
        asked: the values that must be equal.
        weights_sha256: the digest of the weights, which must be equal.
        prompts_sha256: a function that returns the digest of the prompts, which must be equal; it is called only if all
            else matches, because it may have to load the model.
    """
    rows = history.connection.execute(
        f"SELECT versions, {COLUMNS}, {RESULT} FROM models "  # noqa: S608
        "JOIN runs ON runs.id = models.run JOIN results ON results.run = models.run "
        "JOIN series ON series.id = results.series AND series.model = models.name "
        'WHERE weights_sha256 = ? AND dtype = ? AND behaviour = ? AND name = ? AND "check" = ? '
        "AND behaviour_sha256 = ? AND outcome IN ('pass', 'fail', 'inconclusive') ORDER BY started DESC, runs.id DESC",
        (weights_sha256, asked.dtype, asked.behaviour, asked.model, asked.check, asked.claims_sha256),
    ).fetchall()
    points = [point(row[1:]) for row in rows if json.loads(row[0]).get("mi-checks") == asked.version]
    if not points:
        return None
    prompts = prompts_sha256()
    return next((each for each in points if each.prompts_sha256 == prompts), None)
