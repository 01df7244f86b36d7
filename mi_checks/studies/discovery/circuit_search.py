"""A search for a small circuit that is as faithful as required from both sides, with everything else ablated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.engine.nodes import Node
from mi_checks.output.numbers import number
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME, Estimate
from mi_checks.stats.intervals import NoEffectSize

# up to this size, circuits of every size are tried; above it, each is SIZE_GROWTH times as large as the last
MAX_CONSECUTIVE_SIZE = 16
SIZE_GROWTH = 1.2
# nodes up to which one is removed at a time; from larger circuits, several of the least needed are
MAX_SIZE_ONE_BY_ONE = 12
# fraction of clean − corrupt; if ablating everything changes the score by less, that is only rounding
MIN_RELATIVE_SPAN = 1e-3
NO_ABLATION_EFFECT = "ablating every head has no significant effect"


@dataclass(frozen=True)
class Removal:
    """Nodes removed from a circuit together.

    Attributes:
        nodes: the nodes.
        faithfulness: of the remaining circuit.
    """

    nodes: tuple[Node, ...]
    faithfulness: Estimate


@dataclass(frozen=True)
class PrunedCircuit:
    """A circuit, with the steps of the search.

    Attributes:
        nodes: the circuit, in the order of the model; empty if there is none.
        faithfulness: on the prompts of discovery; None if there is no circuit.
        initial_nodes: the faithful circuit of the strongest nodes that the pruning started from.
        removals: the removals, in order.
        faithfulness_without: the faithfulness without each node of the circuit, as last measured.
        unfinished: whether there was no time to try further removals.
        reason: why there is no circuit; otherwise "".
        no_ablation_effect: whether the reason is that ablating every head has no significant effect.
    """

    nodes: tuple[Node, ...] = ()
    faithfulness: Estimate | None = None
    initial_nodes: tuple[Node, ...] = ()
    removals: tuple[Removal, ...] = ()
    faithfulness_without: Mapping[Node, Estimate] = field(default_factory=dict)
    unfinished: bool = False
    reason: str = ""
    no_ablation_effect: bool = False

    @property
    def opposing(self) -> tuple[Node, ...]:
        """Return the nodes without which the faithfulness is higher: they oppose the rest of the circuit."""
        if self.faithfulness is None:
            return ()
        whole = self.faithfulness.value
        return tuple(
            node
            for node in self.nodes
            if node in self.faithfulness_without and self.faithfulness_without[node].low > whole
        )


def is_faithful(estimate: Estimate, faithful: float, pairs: int | None = None) -> bool:
    """Return whether the whole interval of f is within 1 − faithful of 1, from below and from above.

    A value above 1 is no better than one below: then nodes outside the circuit oppose it, and are part of the
    behaviour.

    Args:
        estimate: f.
        faithful: the required faithfulness.
        pairs: the number of prompt pairs that the circuit will be judged on, if larger than the number measured: the
            interval is then scaled to its expected width on these.
    """
    shrunk = 1.0 if pairs is None else min(1.0, math.sqrt(estimate.n / pairs))
    low = estimate.value - shrunk * (estimate.value - estimate.low)
    high = estimate.value + shrunk * (estimate.high - estimate.value)
    return low >= faithful and high <= 2 - faithful


@dataclass(frozen=True)
class _CircuitSearch:
    """A search for circuits on some prompt pairs, the result of which is judged on others.

    Attributes:
        circuits: circuits on the pairs that are searched on.
        whole: circuits on the pairs that are judged on.
        faithful: the required faithfulness.
        max_circuits: the number of circuits to measure while nodes are removed; None for no limit.
    """

    circuits: CircuitScores
    whole: CircuitScores
    faithful: float
    max_circuits: int | None

    def estimates(self, circuits: Sequence[Sequence[Node]]) -> list[Estimate]:
        """Return f of circuits of one size."""
        few = self.circuits
        scores = few.scores(circuits, f"circuits of {len(circuits[0])}")
        return [few.fraction(row - few.nothing) for row in scores]

    def passes(self, estimate: Estimate) -> bool:
        """Return whether a circuit is expected to be faithful on the pairs that it is judged on."""
        return is_faithful(estimate, self.faithful, len(self.whole.whole))


def prune(
    search: CircuitScores,
    whole: CircuitScores,
    strength: Mapping[Node, float],
    faithful: float,
    *,
    effect_size: float = 0.0,
    most: int | None = None,
) -> PrunedCircuit:
    """Start with the fewest strongest nodes that are faithful together, then remove the least needed nodes.

    Faithfulness is f(C) = (m(C) − m(∅))/(m(M) − m(∅)), and is judged from both sides (`is_faithful`). The last removals
    are undone if the circuit is not faithful on all prompts.

    Args:
        search: circuits on the prompts that are searched on.
        whole: circuits on all prompts of discovery.
        strength: the strength of every node of the universe; stronger nodes are tried first.
        faithful: the required faithfulness.
        effect_size: the effect size, clean − corrupt, a mean over prompts, with which m(M) − m(∅) is compared.
        most: the number of circuits to measure while nodes are removed; None for no limit.
    """
    span = float(whole.span.mean())
    if abs(span) < MIN_RELATIVE_SPAN * effect_size:
        return PrunedCircuit(
            reason=f"{NO_ABLATION_EFFECT}: {CIRCUIT_EFFECT_NAME} is {span:.2g} {whole.unit}, and clean − corrupt is "
            f"{number(effect_size, 3)}",
            no_ablation_effect=True,
        )
    try:
        for circuits in (search, whole):
            circuits.require_span()
    except NoEffectSize as none:
        return PrunedCircuit(reason=f"{NO_ABLATION_EFFECT}: {none}", no_ablation_effect=True)
    searching = _CircuitSearch(search, whole, faithful, most)
    order = sorted(search.universe, key=lambda node: (-strength[node], node))
    for size in _sizes(len(order)):
        began = order[:size]
        if searching.passes(*searching.estimates([began])) and is_faithful(whole.faithfulness(began), faithful):
            break
    left, steps, without, unfinished = _remove_nodes(searching, began)
    while not is_faithful(estimate := whole.faithfulness(left), faithful):  # with all nodes restored, it is faithful
        left, without = [*left, *steps.pop().nodes], {}
    if len(left) == len(order):
        reason = f"no circuit smaller than all {len(order)} heads has a faithfulness of {faithful:g}"
        return PrunedCircuit(reason=reason + ("; there was no time to try removing some" if unfinished else ""))
    return PrunedCircuit(tuple(sorted(left)), estimate, tuple(sorted(began)), tuple(steps), without, unfinished)


def _sizes(nodes: int) -> Iterator[int]:
    """Yield the sizes to try: all small ones, increasingly sparse larger ones, and last that of the whole model."""
    size = 1
    while size < nodes:
        yield size
        size = size + 1 if size < MAX_CONSECUTIVE_SIZE else math.ceil(SIZE_GROWTH * size)
    yield nodes


def _remove_nodes(
    search: _CircuitSearch, initial_nodes: Sequence[Node]
) -> tuple[list[Node], list[Removal], dict[Node, Estimate], bool]:
    """Return the remaining nodes, the steps, the faithfulness without each node, and whether time ran out."""
    left, steps, measured = list(initial_nodes), list[Removal](), 0
    while len(left) > 1:
        if search.max_circuits is not None and measured + len(left) > search.max_circuits:
            return left, steps, {}, True
        smaller = [[node for node in left if node != out] for out in left]
        measured += len(smaller)
        estimates = search.estimates(smaller)
        order = np.argsort([abs(1 - estimate.value) for estimate in estimates], kind="stable")
        can_go = [i for i in order if search.passes(estimates[i])]
        if not can_go:
            return left, steps, dict(zip(left, estimates, strict=True)), False
        out, estimate = [left[can_go[0]]], estimates[can_go[0]]
        if len(left) > MAX_SIZE_ONE_BY_ONE:
            out, estimate = _remove_several(search, left, [left[i] for i in can_go], estimate)
        steps.append(Removal(tuple(sorted(out)), estimate))
        left = [node for node in left if node not in out]
    return left, steps, {}, False


def _remove_several(
    search: _CircuitSearch, left: Sequence[Node], can_go: Sequence[Node], of_one: Estimate
) -> tuple[list[Node], Estimate]:
    """Return the largest number of removable nodes that can go together, least needed first, found by bisection."""
    low, high, estimate = 1, min(len(can_go), len(left) - 1) + 1, of_one
    while high - low > 1:
        middle = (low + high) // 2
        rest = [node for node in left if node not in can_go[:middle]]
        (f,) = search.estimates([rest])
        if search.passes(f):
            low, estimate = middle, f
        else:
            high = middle
    return list(can_go[:low]), estimate
