"""A small circuit that is as faithful as asked, no less and no more, with everything else ablated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.circuits import WHOLE, Circuits
from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate
from mi_checks.stats import NoGap, ratio_interval

ONE_BY_ONE = 12  # nodes up to which one is taken out at a time; of larger circuits several that are needed least
LEAST_SPAN = (
    1e-3  # of clean − corrupt: where ablating everything moves less, rounding is all there is to be faithful to
)
NOTHING = "ablating every head takes nothing away for sure"


@dataclass(frozen=True)
class Step:
    """Nodes taken out of a circuit together.

    Attributes:
        out: the nodes.
        faithfulness: of what is left.
    """

    out: tuple[Node, ...]
    faithfulness: Estimate


@dataclass(frozen=True)
class Pruned:
    """A circuit, and how it was come by.

    Attributes:
        nodes: the circuit, in the order of the model; none where there is none.
        faithfulness: on the prompts of discovery; None where there is no circuit.
        began: the faithful circuit of the strongest nodes that was pruned.
        steps: what was taken out of it, in order.
        unfinished: whether there was no time to try taking out more.
        why: why there is no circuit; otherwise nothing.
    """

    nodes: tuple[Node, ...] = ()
    faithfulness: Estimate | None = None
    began: tuple[Node, ...] = ()
    steps: tuple[Step, ...] = ()
    unfinished: bool = False
    why: str = ""


def is_faithful(estimate: Estimate, faithful: float) -> bool:
    """Whether the whole interval of f is within 1 − faithful of 1, from below and from above.

    More than 1 is no better than less: then nodes outside the circuit work against it, and are part of the behaviour.
    """
    return estimate.low >= faithful and estimate.high <= 2 - faithful


def prune(
    search: Circuits,
    whole: Circuits,
    strength: Mapping[Node, float],
    faithful: float,
    *,
    gap: float = 0.0,
    most: int | None = None,
) -> Pruned:
    """Begin with a faithful circuit of the strongest nodes, then take out those that are needed least.

    Faithfulness is f(C) = (m(C) − m(∅))/(m(M) − m(∅)), and is judged from both sides (`is_faithful`). What is taken out
    last comes back if the circuit is not faithful on all prompts.

    Args:
        search: circuits on the prompts that are searched on.
        whole: circuits on all prompts of discovery.
        strength: what is known of every node of the universe; stronger nodes are tried first.
        faithful: the faithfulness that must be kept.
        gap: clean − corrupt, the mean over prompts: what m(M) − m(∅) is compared with.
        most: circuits that are measured while nodes are taken out; None for as many as it takes.
    """
    try:
        for circuits in (search, whole):
            ratio_interval(circuits.span, circuits.span, WHOLE)
    except NoGap as none:
        return Pruned(why=f"{NOTHING}: {none}")
    span = float(whole.span.mean())
    if span < LEAST_SPAN * gap:
        return Pruned(why=f"{NOTHING}: {WHOLE} is {span:.2g} logits, and clean − corrupt {gap:.3f}")
    order = sorted(search.universe, key=lambda node: (-strength[node], node))
    began = _strongest(search, order, faithful)
    left, steps, unfinished = _pruned(search, began, faithful, most)
    while not is_faithful(estimate := whole.faithfulness(left), faithful) and steps:
        left = [*left, *steps.pop().out]
    if not is_faithful(estimate, faithful):
        left = list(_strongest(whole, order, faithful))
        estimate = whole.faithfulness(left)
    if len(left) == len(order):
        return Pruned(why=f"only all {len(order)} heads together are {faithful:g} faithful, so there is no null")
    return Pruned(tuple(sorted(left)), estimate, tuple(sorted(began)), tuple(steps), unfinished)


def _strongest(circuits: Circuits, order: Sequence[Node], faithful: float) -> Sequence[Node]:
    """A beginning of an order that is faithful, by bisection: one of which the next shorter beginning is not."""
    low, high = 0, len(order)  # of these the first is not faithful, or empty, and the second is: f(M) = 1
    while high - low > 1:
        middle = (low + high) // 2
        (estimate,) = _estimates(circuits, circuits.scores([order[:middle]], f"circuits of {middle}"))
        low, high = (low, middle) if is_faithful(estimate, faithful) else (middle, high)
    return order[:high]


def _pruned(
    circuits: Circuits, began: Sequence[Node], faithful: float, most: int | None
) -> tuple[list[Node], list[Step], bool]:
    """What is left, what was taken out, and whether there was no time to try more."""
    left, steps, measured = list(began), list[Step](), 0
    while len(left) > 1:
        if most is not None and steps and measured + len(left) > most:
            return left, steps, True
        smaller = [[node for node in left if node != out] for out in left]
        measured += len(smaller)
        estimates = _estimates(circuits, circuits.scores(smaller, f"circuits of {len(left) - 1}"))
        order = np.argsort([abs(1 - estimate.value) for estimate in estimates], kind="stable")
        can_go = [i for i in order if is_faithful(estimates[i], faithful)]
        if not can_go:
            break
        out, estimate = [left[can_go[0]]], estimates[can_go[0]]
        if len(left) > ONE_BY_ONE:
            out, estimate = _several(circuits, left, [left[i] for i in can_go], faithful, estimate)
        steps.append(Step(tuple(sorted(out)), estimate))
        left = [node for node in left if node not in out]
    return left, steps, False


def _several(
    circuits: Circuits, left: Sequence[Node], can_go: Sequence[Node], faithful: float, of_one: Estimate
) -> tuple[list[Node], Estimate]:
    """About as many of the nodes that can go as can go together, those that are needed least, by bisection."""
    low, high, estimate = 1, min(len(can_go), len(left) - 1) + 1, of_one
    while high - low > 1:
        middle = (low + high) // 2
        rest = [node for node in left if node not in can_go[:middle]]
        (found,) = _estimates(circuits, circuits.scores([rest], f"circuits of {len(rest)}"))
        if is_faithful(found, faithful):
            low, estimate = middle, found
        else:
            high = middle
    return list(can_go[:low]), estimate


def _estimates(circuits: Circuits, scores: Floats) -> list[Estimate]:
    return [ratio_interval(row - circuits.nothing, circuits.span, WHOLE) for row in scores]
