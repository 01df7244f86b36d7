"""The smallest circuit that a greedy search finds faithful, with everything else ablated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.circuits import Circuits
from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Node
from mi_checks.record import WHOLE_EFFECT, Estimate
from mi_checks.stats import NoGap, ratio_interval


@dataclass(frozen=True)
class Step:
    """One node taken out.

    Attributes:
        out: the node.
        faithfulness: of what is left.
    """

    out: Node
    faithfulness: Estimate


@dataclass(frozen=True)
class Pruned:
    """A circuit, and how it was come by.

    Attributes:
        nodes: the circuit, in the order of the model; none where there is none.
        faithfulness: on the prompts of discovery; None where there is no circuit.
        began: the faithful circuit of the strongest nodes that was pruned.
        steps: what was taken out of it, in order.
        why: why there is no circuit; otherwise nothing.
    """

    nodes: tuple[Node, ...] = ()
    faithfulness: Estimate | None = None
    began: tuple[Node, ...] = ()
    steps: tuple[Step, ...] = ()
    why: str = ""


def prune(search: Circuits, whole: Circuits, strength: Mapping[Node, float], faithful: float) -> Pruned:
    """Begin with the fewest strongest nodes that are faithful together, then take out the least needed, one by one.

    A circuit is faithful when the lower end of the interval of f(C) = (m(C) − m(∅))/(m(M) − m(∅)) is. The last nodes
    taken out come back if that does not hold on all prompts.

    Args:
        search: circuits on the prompts that are searched on.
        whole: circuits on all prompts of discovery.
        strength: what is known of every node of the universe; stronger nodes are tried first.
        faithful: the faithfulness that must be kept.
    """
    try:
        for circuits in (search, whole):
            ratio_interval(circuits.span, circuits.span, WHOLE_EFFECT)
    except NoGap as none:
        return Pruned(why=f"ablating every head takes nothing away for sure: {none}")
    order = sorted(search.universe, key=lambda node: (-strength[node], node))
    began = _fewest(search, order, faithful)
    left, steps = list(began), list[Step]()
    while len(left) > 1:
        smaller = [[node for node in left if node != out] for out in left]
        estimates = _estimates(search, search.scores(smaller, f"circuits of {len(left) - 1}"))
        best = int(np.argmax([estimate.value for estimate in estimates]))
        if estimates[best].low < faithful:
            break
        steps.append(Step(left[best], estimates[best]))
        left = smaller[best]
    while (estimate := whole.faithfulness(left)).low < faithful and steps:
        left.append(steps.pop().out)
    if len(left) == len(order):
        return Pruned(why=f"only all {len(order)} heads together are {faithful:g} faithful, so there is no null")
    return Pruned(tuple(sorted(left)), estimate, tuple(sorted(began)), tuple(steps))


def _fewest(circuits: Circuits, order: Sequence[Node], faithful: float) -> Sequence[Node]:
    """The shortest beginning of an order that is faithful, by bisection: where more nodes are less faithful than fewer,
    one that is faithful, and the one before it not."""
    low, high = 0, len(order)  # of these the first is not faithful, or empty, and the second is: f(M) = 1
    while high - low > 1:
        middle = (low + high) // 2
        (estimate,) = _estimates(circuits, circuits.scores([order[:middle]], f"circuits of {middle}"))
        low, high = (low, middle) if estimate.low >= faithful else (middle, high)
    return order[:high]


def _estimates(circuits: Circuits, scores: Floats) -> list[Estimate]:
    return [ratio_interval(row - circuits.nothing, circuits.span, WHOLE_EFFECT) for row in scores]
