"""The answer to "when did this head stop mediating that behaviour" in one sentence."""

from __future__ import annotations

from mi_checks.history.head_over_time import Mediation, Standing
from mi_checks.history.moment import Moment
from mi_checks.output.numbers import count


def answer(mediation: Mediation) -> str:
    """Return one sentence, or two if the answer changed several times.

    For example: `L1H6 mediated induction on nano-attn-2l until 3fa92c1b (…), and no longer from 8e01d2aa (…).`
    """
    conclusive = mediation.conclusive
    where = f" at {mediation.label}" if mediation.label else ""
    head, what = f"{mediation.node}{where}", f"{mediation.behaviour} on {mediation.model}"
    if not conclusive:
        return f"No run can tell whether {head} mediates {what}."
    last, changes = conclusive[-1], mediation.changes
    if not changes:
        runs = (
            f"the only run, {_named(last.at)}" if len(conclusive) == 1 else f"each of {count(len(conclusive), 'run')}"
        )
        return f"{head} {'mediates' if last.mediates else 'does not mediate'} {what} in {runs}."
    before, after = changes[-1]
    often = f" It changed {count(len(changes), 'time')}." if len(changes) > 1 else ""
    if last.mediates:
        return f"{head} mediates {what} since {_named(after.at)}, and did not in {_named(before.at)}.{often}"
    until, since = _named(before.at), _named(after.at)
    return f"{head} mediated {what} until {until}, and no longer from {since}.{often}"


def standing(each: Standing) -> str:
    """Return `mediates` or `does not`, and the reason if the interval does not show it."""
    if each.value is None:
        return "does not: nothing to recover, clean and corrupt do not differ"
    if each.low is None:
        return "cannot tell: not among the strongest" if each.mediates is None else "does not: not among the strongest"
    return "mediates" if each.mediates else "does not"


def _named(at: Moment) -> str:
    return f"{at.called} ({at.date}, {at.weights})"
