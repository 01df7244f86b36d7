"""What ablating everything takes away, m(M) − m(∅): a circuit is held to it, and where it is nothing there is none."""

from __future__ import annotations

from collections.abc import Callable

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import AblationKind
from mi_checks.engine.readout import Floats
from mi_checks.output.numbers import precise
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.visible import visible
from mi_checks.spec.problems import listed
from mi_checks.stats.estimate import WHOLE_EFFECT
from mi_checks.stats.intervals import NoEffectSize, mean_interval, require_effect_size

EXAMPLE = 'rows of a variable, values: [{answer: " a", foil: " b"}, {answer: " b", foil: " a"}]'


def require_span(
    span: Floats,
    measured: Measurements,
    kind: AblationKind,
    what: str,
    by_zero: Callable[[], Floats],
    prompts: slice = slice(None),
) -> None:
    """Raise if ablating everything takes nothing away; say why that may be, and what would.

    Args:
        span: m(M) − m(∅) under this ablation, `prompt`.
        measured: the behaviour on the model.
        kind: how everything is ablated.
        what: what everything is: `all heads`.
        by_zero: measures m(M) − m(∅) under zero ablation, `prompt`; called only where there is nothing to share.
        prompts: those of which a share is taken.

    Raises:
        NoEffectSize: the span is not above zero, or not above what rounding makes up.
    """
    floor = measured.floor.select(prompts)
    try:
        require_effect_size(span[prompts], WHOLE_EFFECT, floor)
    except NoEffectSize as none:
        if kind == "zero":
            raise
        zero = by_zero()[prompts]
        causes = tuple(_reasons(span[prompts], zero, measured, kind, what))
        raise NoEffectSize(none.of, none.whole, none.rounding, causes) from None


def _reasons(span: Floats, by_zero: Floats, measured: Measurements, kind: AblationKind, what: str) -> list[str]:
    unit = measured.floor.unit
    taken = mean_interval(by_zero, unit)
    shown = f"{precise(taken)} {unit}"
    try:
        require_effect_size(by_zero, WHOLE_EFFECT, measured.floor)
    except NoEffectSize:
        return [f"zero ablation of {what} does not take the score away either ({shown})"]
    remedy = f"zero ablation of {what} takes away {shown}: claim the circuit 'with: zero'"
    only = _one_direction(measured.batch)
    if only is None or mean_interval(span, unit).high < -measured.floor.mean:
        return [remedy]
    return [
        f"{_PUT_IN[kind]}, and the behaviour goes in one direction only ({only}), so that this carries it as well",
        f"{remedy}, or let half of the pairs ask for the reverse (by {EXAMPLE})",
    ]


_PUT_IN = {
    "mean": "mean ablation puts in what is written on average over the prompts",
    "resample": "resample ablation puts in what is written on another prompt",
}


def _one_direction(batch: PromptBatch) -> str | None:
    """Return in words that no pair's answer is another's foil; None where one is."""
    answers = dict.fromkeys(visible(text) for pair in batch.pairs for text in pair.answers)
    foils = dict.fromkeys(visible(text) for pair in batch.pairs for text in pair.foils)
    if answers.keys() & foils.keys():
        return None
    return f"answers {_some(answers)}, foils {_some(foils)}, never the other way round"


def _some(texts: dict[str, None]) -> str:
    names = list(texts)
    return listed(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
