"""Two sets of mediators → which heads left, which joined, which stayed, and of which that cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from mi_checks.compare.margins import MEDIATOR_CHANGE
from mi_checks.compare.run_pairs import run_key, two_models
from mi_checks.results.evidence import MEDIATES, Evidence, Mediator
from mi_checks.results.run import Run
from mi_checks.stats.estimate import Estimate

MEDIATOR_METHOD = (
    "a head mediates where the interval of what it recovers alone lies above 0.1 of clean − corrupt; it has left the "
    "set, or joined it, where it also recovers significantly less, or more, than it did, and not only as a fraction of "
    "another clean − corrupt"
)

Shares = Mapping[str, tuple[Estimate | None, Estimate | None]]


@dataclass(frozen=True)
class MediatorSetChange:
    """Heads, each with its share then and now; None: not among the strongest there, of which alone shares are kept.

    Attributes:
        lost: those that mediated, and surely recover less now, and surely or possibly too little.
        gained: those that mediate, and surely recovered less then.
        stayed: those that mediate in both.
        unsure: those that surely mediate in one, and of which it cannot be told in the other.
        relative: those whose fraction crossed the threshold only because clean − corrupt shrank or grew: what they
            recover, in the score's unit, did not rise or fall with it. They have neither left nor joined.
        effects: the mean effect size, clean − corrupt, then and now, in the score's unit; None where it is not known.
        unit: of the score.
    """

    lost: Shares = field(default_factory=dict)
    gained: Shares = field(default_factory=dict)
    stayed: Shares = field(default_factory=dict)
    unsure: Shares = field(default_factory=dict)
    relative: Shares = field(default_factory=dict)
    effects: tuple[float, float] | None = None
    unit: str = ""

    @property
    def changed(self) -> bool:
        """Whether the set is another for sure."""
        return bool(self.lost or self.gained)

    @property
    def signed(self) -> tuple[str, ...]:
        """`−L1H2`, `+L1H5`."""
        return (*(f"−{name}" for name in self.lost), *(f"+{name}" for name in self.gained))


def set_change(
    then: tuple[Mediator, ...],
    now: tuple[Mediator, ...],
    effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ()),
    unit: str = "",
) -> MediatorSetChange:
    """Compare the strongest heads of two runs, sweep by sweep; a head near the threshold does not leave by chance.

    Sweeps that were made only then or only now (a check was added) say nothing.

    Args:
        then: the strongest heads of the earlier run's sweeps.
        now: those of the later one's.
        effect_sizes: clean − corrupt score in both runs, `prompt`; empty where it is not known.
        unit: of the score.
    """
    effects = (fmean(effect_sizes[0]), fmean(effect_sizes[1])) if all(map(len, effect_sizes)) else None
    found: dict[str, dict[str, tuple[Estimate | None, Estimate | None]]] = {
        kind: {} for kind in ("lost", "gained", "stayed", "unsure", "relative")
    }
    for at in sorted({each.at for each in then} & {each.at for each in now}):
        before, after = ({each.node: each.estimate for each in side if each.at == at} for side in (then, now))
        left, joined = _left(before, after), _left(after, before)
        relative = {node for node in left if effects and not _less(before, after, node, effects)}
        relative |= {node for node in joined if effects and not _less(after, before, node, effects[::-1])}
        left, joined = left - relative, joined - relative
        mediating = [{node for node, share in side.items() if share.low > MEDIATES} for side in (before, after)]
        kinds = {
            "lost": left,
            "gained": joined,
            "stayed": mediating[0] & mediating[1],
            "unsure": (mediating[0] ^ mediating[1]) - left - joined - relative,
            "relative": relative,
        }
        where = f" at {at}" if at else ""
        for kind, nodes in kinds.items():
            found[kind] |= {f"{node}{where}": (before.get(node), after.get(node)) for node in sorted(nodes)}
    return MediatorSetChange(**found, effects=effects, unit=unit)


def all_lost(then: tuple[Mediator, ...]) -> MediatorSetChange:
    """Where clean and corrupt are no longer told apart: there is nothing left of which a head could have a share."""
    mediating = [each for each in then if each.estimate.low > MEDIATES]
    return MediatorSetChange(
        lost={f"{each.node}{f' at {each.at}' if each.at else ''}": (each.estimate, None) for each in mediating}
    )


def _less(more: Mapping[str, Estimate], less: Mapping[str, Estimate], node: str, effects: tuple[float, float]) -> bool:
    """Whether a head recovers less in the second run in the score's unit too, and not only as a fraction."""
    there = less[node].value if node in less else min(estimate.value for estimate in less.values())
    return there * effects[1] < more[node].value * effects[0]


def _left(before: Mapping[str, Estimate], after: Mapping[str, Estimate]) -> set[str]:
    """Those that mediate in the first and surely less, and not, in the second."""
    weakest = min(estimate.value for estimate in after.values())  # what is not listed recovers no more
    found = set()
    for node, estimate in before.items():
        other = after.get(node)
        high = weakest if other is None else other.high
        mediates = other is not None and other.low > MEDIATES
        if estimate.low > MEDIATES and not mediates and high < estimate.low - MEDIATOR_CHANGE:
            found.add(node)
    return found


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
    return set_change(then.mediators, now.mediators, sizes, now.logit_diff.unit)


def _comparable(then: Evidence, now: Evidence) -> bool:
    mine, other = ((each.effect.prompts_sha256, each.effect.architecture) for each in (then, now))
    return mine == other
