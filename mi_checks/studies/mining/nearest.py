"""The message when no trigram meets the criteria: the nearest miss of each criterion, and the option that admits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from mi_checks.output.numbers import number
from mi_checks.prompts.visible import visible
from mi_checks.studies.mining.count import Counter, mine
from mi_checks.studies.mining.criteria import Criteria, Found
from mi_checks.studies.mining.written_tokens import Written


def nothing_found(counter: Counter, criteria: Criteria, written: Written) -> str:
    """Return the message for criteria that no trigram meets."""
    lines = [
        f"no trigram {shape(criteria)} is seen {criteria.least_count} times or more with "
        f"P(c|a,b) of at least {criteria.likely:g} and P(c|b) of at most {criteria.unlikely:g}"
    ]
    if near := _best(counter, replace(criteria, likely=0.0), written, lambda one: one.given_both):
        lines.append(f"  the likeliest of the others: {_told(near, written)}; --likely {_floor(near.given_both)}")
    if near := _best(counter, replace(criteria, unlikely=1.0), written, lambda one: -one.given_last):
        lines.append(f"  the one that b predicts least: {_told(near, written)}; --unlikely {_ceil(near.given_last)}")
    if near := _best(counter, replace(criteria, least_count=2), written, lambda one: one.count):
        lines.append(f"  the most frequent of the others: {_told(near, written)}; --least-count {near.count}")
    if len(lines) == 1:
        loose = replace(criteria, likely=0.0, unlikely=1.0)
        near = _best(counter, loose, written, lambda one: one.given_both - one.given_last)
        lines.append(
            f"  nor with one of these dropped; the nearest is {_told(near, written)}; "
            f"--likely {_floor(near.given_both)} --unlikely {_ceil(near.given_last)}"
            if near
            else f"  nor is any trigram of such tokens seen {criteria.least_count} times: give more text, or lower "
            "--least-count and relax --likely or --unlikely"
        )
    return "\n".join(lines)


def shape(criteria: Criteria) -> str:
    """Return the form of a trigram, such as `a b → c`, or with the distance."""
    return f"a … b → c, a 2 to {criteria.gap} tokens before b," if criteria.gap else "a b → c"


def _best(
    counter: Counter,
    criteria: Criteria,
    written: Written,
    merit: Callable[[Found], float],
) -> Found | None:
    return max(mine(counter, criteria, written.masks), key=merit, default=None)


def _told(found: Found, written: Written) -> str:
    a, b, c = (visible(written.texts[token]) for token in found.triple)
    probabilities = f"P(c|a,b) {number(found.given_both)}, P(c|b) {number(found.given_last, 3)}"
    return f"'{a}' '{b}' → '{c}', {found.count} times, {probabilities}"


def _floor(share: float) -> str:
    return f"{np.floor(share * 100) / 100:g}"


def _ceil(share: float) -> str:
    return f"{np.ceil(share * 1000) / 1000:g}"
