"""Two sets of mediators → which heads left the set, which joined it, which stayed, and which are uncertain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mi_checks.compare.margins import MEDIATOR_CHANGE
from mi_checks.compare.run_pairs import run_key, two_models
from mi_checks.results.evidence import MIN_MEDIATOR_FRACTION, Evidence, Mediator
from mi_checks.results.run import Run
from mi_checks.stats.estimate import Estimate

MEDIATOR_METHOD = (
    f"a head mediates if the interval of the fraction that it recovers alone lies above {MIN_MEDIATOR_FRACTION:g}; it "
    "has left or joined the set if it also recovers significantly less or more than before, and not only because clean "
    "− corrupt changed"
)

FractionPairs = Mapping[str, tuple[Estimate | None, Estimate | None]]


@dataclass(frozen=True)
class MediatorSetChange:
    """Heads, each with the fraction that it recovers in both runs; None if it is not among the strongest of a run.

    Attributes:
        lost: those that mediated, recover significantly less now, and no longer mediate significantly.
        gained: those that mediate, and recovered significantly less before.
        stayed: those that mediate in both.
        uncertain: those that mediate in one run, with an inconclusive change.
        only_denominator_changed: those whose fraction crossed the threshold only because clean − corrupt shrank or
            grew: what they recover, in the score's unit, did not rise or fall with it. They have neither left nor
            joined.
        effects: the mean effect size, clean − corrupt, in both runs, in the score's unit; None if it is not known.
        unit: the unit of the score.
    """

    lost: FractionPairs = field(default_factory=dict)
    gained: FractionPairs = field(default_factory=dict)
    stayed: FractionPairs = field(default_factory=dict)
    uncertain: FractionPairs = field(default_factory=dict)
    only_denominator_changed: FractionPairs = field(default_factory=dict)
    effects: tuple[float, float] | None = None
    unit: str = ""

    @property
    def changed(self) -> bool:
        """Whether the set changed significantly."""
        return bool(self.lost or self.gained)

    @property
    def with_signs(self) -> tuple[str, ...]:
        """The names of the heads lost and gained with their signs: `−L1H2`, `+L1H5`."""
        return (*(f"−{name}" for name in self.lost), *(f"+{name}" for name in self.gained))


def mediator_set_change(
    then: tuple[Mediator, ...],
    now: tuple[Mediator, ...],
    effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ()),
    unit: str = "",
) -> MediatorSetChange:
    """Compare the strongest heads of two runs, sweep by sweep; a head near the threshold does not leave by chance.

    A sweep that only one of the runs made is not compared.

    Args:
        then: the strongest heads of the earlier run's sweeps.
        now: the strongest heads of the later run's sweeps.
        effect_sizes: clean − corrupt score in both runs, `prompt`; empty if it is not known.
        unit: the unit of the score.
    """
    effects = (fmean(effect_sizes[0]), fmean(effect_sizes[1])) if all(map(len, effect_sizes)) else None
    found: dict[str, dict[str, tuple[Estimate | None, Estimate | None]]] = {
        kind: {} for kind in ("lost", "gained", "stayed", "uncertain", "only_denominator_changed")
    }
    for at in sorted({each.at for each in then} & {each.at for each in now}):
        before, after = ({each.node: each.estimate for each in side if each.at == at} for side in (then, now))
        left, joined = _heads_that_left(before, after), _heads_that_left(after, before)
        rescaled = {node for node in left if effects and not _recovers_less(before, after, node, effects)}
        rescaled |= {node for node in joined if effects and not _recovers_less(after, before, node, effects[::-1])}
        left, joined = left - rescaled, joined - rescaled
        mediating = [
            {node for node, fraction in side.items() if fraction.lies_above(MIN_MEDIATOR_FRACTION)}
            for side in (before, after)
        ]
        kinds = {
            "lost": left,
            "gained": joined,
            "stayed": mediating[0] & mediating[1],
            "uncertain": (mediating[0] ^ mediating[1]) - left - joined - rescaled,
            "only_denominator_changed": rescaled,
        }
        where = f" at {at}" if at else ""
        for kind, nodes in kinds.items():
            found[kind] |= {f"{node}{where}": (before.get(node), after.get(node)) for node in sorted(nodes)}
    return MediatorSetChange(**found, effects=effects, unit=unit)


def all_mediators_lost(then: tuple[Mediator, ...]) -> MediatorSetChange:
    """Return the change to a model whose clean − corrupt is not above zero, so that no fraction is defined for it."""
    mediating = [each for each in then if each.estimate.lies_above(MIN_MEDIATOR_FRACTION)]
    return MediatorSetChange(
        lost={f"{each.node}{f' at {each.at}' if each.at else ''}": (each.estimate, None) for each in mediating}
    )


def _recovers_less(
    more: Mapping[str, Estimate], less: Mapping[str, Estimate], node: str, effects: tuple[float, float]
) -> bool:
    """Return whether a head recovers less in the second run in the score's unit too, and not only as a fraction."""
    second = less[node].value if node in less else min(estimate.value for estimate in less.values())
    return second * effects[1] < more[node].value * effects[0]


def _heads_that_left(before: Mapping[str, Estimate], after: Mapping[str, Estimate]) -> set[str]:
    """Return the heads that mediate in the first run, and in the second do not and recover significantly less."""
    weakest = min(estimate.value for estimate in after.values())  # an unlisted head recovers at most this
    found = set()
    for node, estimate in before.items():
        other = after.get(node)
        high = weakest if other is None else math.inf if other.refusal else other.high
        mediates = other is not None and other.lies_above(MIN_MEDIATOR_FRACTION)
        if estimate.lies_above(MIN_MEDIATOR_FRACTION) and not mediates and high < estimate.low - MEDIATOR_CHANGE:
            found.add(node)
    return found


@dataclass(frozen=True)
class MediatorChange:
    """The change of the set of mediators of one behaviour; `before` and `after` are the names of the two models."""

    behaviour: str
    before: str
    after: str
    heads: MediatorSetChange

    @property
    def size(self) -> float:
        """The largest change of a fraction recovered, among the heads lost and gained."""
        moved = (*self.heads.lost.values(), *self.heads.gained.values())
        return max(abs((now.value if now else 0.0) - (then.value if then else 0.0)) for then, now in moved)


def mediator_changes(before: Run, after: Run) -> tuple[MediatorChange, ...]:
    """Return the sets that changed significantly, the largest change first.

    They are paired by behaviour and model, or across the two models if each run has one. Sets are compared on equal
    prompts only, and across models only if these are of one kind and size: otherwise their heads do not correspond.
    """
    across = two_models(before, after) is not None
    first, second = ({run_key(each, across=across): each for each in run.evidence} for run in (before, after))
    found = [
        MediatorChange(then.behaviour, then.model, now.model, heads)
        for key, then in first.items()
        if (now := second.get(key)) is not None
        and _comparable(then, now)
        and (heads := _heads_of_runs(then, now)).changed
    ]
    return tuple(sorted(found, key=lambda change: (-change.size, change.behaviour)))


def _heads_of_runs(then: Evidence, now: Evidence) -> MediatorSetChange:
    sizes = then.effect_sizes, now.effect_sizes
    return mediator_set_change(then.mediators, now.mediators, sizes, now.logit_diff.unit)


def _comparable(then: Evidence, now: Evidence) -> bool:
    mine, other = ((each.effect.prompts_sha256, each.effect.architecture) for each in (then, now))
    return mine == other
