"""The scores that a project adds: of prompts by `pytest_mi_scores`, of nodes by `pytest_mi_role_scores`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.spec.scoring import SCORES


def user_scores(
    given: Iterable[Any], where: str, hook: str = "pytest_mi_scores", known: Collection[str] = SCORES
) -> dict[str, Callable[..., Any]]:
    """Return the scores that the hook's implementations returned, by name.

    Args:
        given: the return value of each implementation.
        where: the files of the implementations, for errors.
        hook: the hook's name, for errors.
        known: the names of the scores that come with mi-checks.

    Raises:
        MiChecksError: a return value is not a dict of functions, or two scores have the same name.
    """
    mistake = partial(_wrong, f"{hook} in {where}")
    all_scores: dict[str, Callable[..., Any]] = {}
    for scores in given:
        if not isinstance(scores, Mapping):
            raise mistake(f"must return a dict of functions, not a {type(scores).__name__}")
        for name, function in scores.items():
            if not isinstance(name, str) or not name:
                raise mistake(f"a score's name must be text, not {name!r}")
            if name in known:
                raise mistake(f"the score {name!r} comes with mi-checks; choose another name")
            if name in all_scores:
                raise mistake(f"the score {name!r} is given twice; choose another name")
            if not callable(function):
                raise mistake(f"the score {name!r} must be a function, not a {type(function).__name__}")
            all_scores[name] = function
    return all_scores


def _wrong(where: str, message: str) -> MiChecksError:
    return MiChecksError(f"{where}: {message}")
