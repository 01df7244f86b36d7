"""Two runs → where other heads mediate than did, by behaviour."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.compare.mediator_sets import MediatorSetChange, set_change
from mi_checks.compare.run_pairs import two_models
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run

METHOD = (
    "a head mediates where the interval of what it recovers alone lies above 0.1 of clean − corrupt; it has left the "
    "set, or joined it, where it also recovers significantly less, or more, than it did, and not only as a fraction of "
    "another clean − corrupt"
)


@dataclass(frozen=True)
class MediatorChange:
    """What became of the set of mediators of one behaviour; `before` and `after` are the two models' names."""

    behaviour: str
    before: str
    after: str
    heads: MediatorSetChange

    @property
    def size(self) -> float:
        """The largest share that a head lost or gained."""
        moved = (*self.heads.lost.values(), *self.heads.gained.values())
        return max(abs((now.value if now else 0.0) - (then.value if then else 0.0)) for then, now in moved)


def mediator_changes(before: Run, after: Run) -> tuple[MediatorChange, ...]:
    """Those sets that surely changed, the largest change first; of a model, or across the two where each run has one.

    Sets are compared on equal prompts only, and across models only where these are of one kind and size: a head's name
    says nothing of another model's heads.
    """
    across = two_models(before, after) is not None
    first, second = ({_key(each, across=across): each for each in run.evidence} for run in (before, after))
    found = [
        MediatorChange(then.behaviour, then.model, now.model, heads)
        for key, then in first.items()
        if (now := second.get(key)) is not None and _comparable(then, now) and (heads := _set_change(then, now)).changed
    ]
    return tuple(sorted(found, key=lambda change: (-change.size, change.behaviour)))


def _set_change(then: Evidence, now: Evidence) -> MediatorSetChange:
    sizes = then.effect_sizes, now.effect_sizes
    return set_change(then.mediators, now.mediators, sizes, now.logit_diff.unit)


def _key(evidence: Evidence, *, across: bool) -> tuple[str, str]:
    return evidence.behaviour, "" if across else evidence.model


def _comparable(then: Evidence, now: Evidence) -> bool:
    mine, other = ((each.effect.prompts_sha256, each.effect.architecture) for each in (then, now))
    return mine == other
