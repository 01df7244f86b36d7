"""The claims about logit differences: those of the file, if other models are held to them, otherwise new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mi_checks.checks.effect import against
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, CheckEntry
from mi_checks.studies.discovery import bounds
from mi_checks.studies.discovery.candidate_claims import Candidate
from mi_checks.studies.discovery.draft import Line, NotClaimed
from mi_checks.studies.discovery.held_out import HeldOut, told

CHANCE = 0.5  # the accuracy of a guess; an accuracy that is not above it supports no claim


def preferences(behaviour: Behaviour, held_out: HeldOut) -> Iterator[Callable[[], Line]]:
    """Yield a function for each claim, which may raise `NotClaimed`.

    If the file names other models, its claims remain as they are, because these models may be declared absent or held
    to their bounds; this model's bounds are written into its own entry.
    """
    model = held_out.measured.loaded_model.name
    if all(other == model for other in behaviour.models):
        rival = against(behaviour)
        fields = {} if rival == "foils" else {"against": rival}
        yield lambda: held_out.claimed(Candidate("logit_diff", fields, sides=("at_least",)))
        yield lambda: held_out.claimed(Candidate("accuracy", fields, sides=("at_least",), above=CHANCE))
        return
    for entry in behaviour.checks:
        if entry.check.kind in BEHAVIOURAL:
            yield lambda entry=entry: _kept(entry, behaviour, held_out)  # type: ignore[misc]


def _kept(entry: CheckEntry, behaviour: Behaviour, held_out: HeldOut) -> Line:
    check, model = entry.check, held_out.measured.loaded_model.name
    data = entry.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if check.models is not None and model not in check.models:
        return Line(data, note=f"as it was: not of {model}")
    (verdict,) = held_out.run(data)
    bound = check.bound
    if bound is not None and bound.at_most is not None:
        if verdict.outcome == "pass" and verdict.estimate is not None:
            return Line(data, (("", verdict.estimate),), "as it was")
    elif verdict.estimate is not None:
        least = bounds.at_least(verdict.estimate, held_out.pairs)
        if least > (CHANCE if check.kind == "accuracy" else 0.0):
            own = {check.id: {"at_least": least}}
            return Line(data, (("", verdict.estimate),), f"as it was; bound of {model} in its entry", own)
    others = [name for name, own in behaviour.models.items() if own != "absent" and name != model]
    others = [name for name in check.models or others if name in others]
    if not others:
        raise NotClaimed(f"{check.id}: {told(verdict)}, on the held-out prompts")
    data[check.kind]["models"] = others
    return Line(data, note=f"not of {model}: {told(verdict)}")
