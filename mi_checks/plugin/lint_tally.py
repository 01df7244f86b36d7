"""The lints of one run: looked for once for each behaviour and model, shown when it ends. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mi_checks.results.as_data import as_data
from mi_checks.results.from_data import lint_from_dict
from mi_checks.results.run import CheckResult, Lint
from mi_checks.stats.estimate import Outcome

CLAIM = "nothing gives reason to doubt what the behaviour measures"
MAX_LINES = 10  # of the terminal

Key = tuple[str, str]  # of a behaviour and a model


class LintTally:
    """What pytest's session knows of lints."""

    def __init__(self) -> None:
        self._found: dict[Key, tuple[Lint, ...]] = {}

    @property
    def all(self) -> tuple[Lint, ...]:
        """In the order in which they were found."""
        return tuple(lint for found in self._found.values() for lint in found)

    def once(self, key: Key, look: Callable[[], tuple[Lint, ...]]) -> tuple[Lint, ...]:
        """Return the lints of a behaviour on a model, and look for them if that was not done yet."""
        if key not in self._found:
            self._found[key] = look()
        return self._found[key]

    def lines(self) -> list[str]:
        """Return one line of the terminal for each lint, as many as can be taken in at a glance."""
        lines = [f"warning: {each.behaviour} on {each.model}: {each.message} ({each.place})" for each in self.all]
        more = len(lines) - MAX_LINES
        return [*lines[:MAX_LINES], *([f"warning: {more} more, which the report lists"] if more > 0 else [])]

    def to_wire(self) -> Any:
        """For the controller of `pytest -n`."""
        return as_data(list(self.all))

    def from_wire(self, wire: Sequence[dict[str, Any]]) -> None:
        """Take over what a worker found; another one may have found the same."""
        for lint in map(lint_from_dict, wire):
            before = self._found.get((lint.behaviour, lint.model), ())
            self._found[lint.behaviour, lint.model] = before if lint in before else (*before, lint)


def outcome_of(found: Sequence[Lint], unmeasured: CheckResult | None) -> Outcome:
    """Return what the item of `--mi-strict` comes to; it is skipped where a check could not be measured."""
    return "skipped" if unmeasured is not None else "fail" if found else "pass"


def reason_of(found: Sequence[Lint]) -> str:
    """Return why the item of `--mi-strict` fails, a line for each lint."""
    return "\n".join(f"{each.message} ({each.place})" for each in found)


def message_of(found: Sequence[Lint], unmeasured: CheckResult | None, behaviour: str) -> str:
    """Return the message of the item of `--mi-strict`, without where it is and how to run it again."""
    if unmeasured is not None:
        return f"not looked for: {unmeasured.check} could not be measured"
    if not found:
        return ""
    reasons = "a reason" if len(found) == 1 else f"{len(found)} reasons"
    because = [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(reason_of(found).splitlines())]
    return "\n".join([f"fail: {reasons} to doubt what {behaviour} measures", *because])
