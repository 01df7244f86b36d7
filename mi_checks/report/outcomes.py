"""The display of outcomes: always a symbol and a word, which the colour only repeats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mi_checks.stats.estimate import Outcome

SEVERITY: tuple[Outcome, ...] = ("fail", "error", "inconclusive", "pass", "skipped")  # worst first


@dataclass(frozen=True)
class Verdict:
    """One outcome, ready to show. `css` is a class name of the style sheet."""

    symbol: str
    word: str
    css: str
    note: str = ""


OUTCOMES: dict[str, Verdict] = {
    "pass": Verdict("✓", "pass", "pass"),
    "fail": Verdict("✗", "fail", "fail"),
    "inconclusive": Verdict("?", "inconclusive", "inconclusive"),
    "error": Verdict("!", "error", "error"),
    "skipped": Verdict("–", "skipped", "none"),
}
PASSED_ABSENT = Verdict("✓", "absent", "absent", "as declared")
DRIFTED = Verdict("≠", "drifted", "drift", "not as its baseline")
SURVIVED = Verdict("✗", "mutant survived", "fail")
NOT_RUN = Verdict("–", "no checks", "none")


def worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return the worst of several outcomes, or None where there are none."""
    return min(outcomes, key=SEVERITY.index, default=None)


def verdict(outcome: Outcome | None, absent: bool = False, drifted: bool = False) -> Verdict:
    """Return an outcome as it is displayed; a model that lacks a behaviour, as declared, is marked as such.

    `drifted` says that the only failure is a deviation from the baseline.
    """
    if outcome is None:
        return NOT_RUN
    if drifted:
        return DRIFTED
    if not absent:
        return OUTCOMES[outcome]
    if outcome == "pass":
        return PASSED_ABSENT
    known = OUTCOMES[outcome]
    return Verdict(known.symbol, known.word, known.css, "declared absent")
