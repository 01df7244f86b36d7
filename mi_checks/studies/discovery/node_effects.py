"""The effects of many nodes, each patched alone: the fractions recovered and removed, and tests of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import ALPHA, Estimate, Refusal
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.refusals import too_few_for_family
from mi_checks.stats.sampling import SamplingDesign
from mi_checks.studies.discovery.node_selection import NodeSelection

Bools = npt.NDArray[np.bool_]
# of each node: it recovers more than the threshold, or less than minus it; the same for what it removes
TESTS_PER_NODE = 4
NEURON_THRESHOLD_FACTOR = 0.5  # fraction of the threshold for heads: a neuron is a smaller part of a model
# fraction of the larger of a layer's two effects by which its neurons' joint effect may differ from it
MAX_RELATIVE_DIFFERENCE = 0.1


@dataclass(frozen=True)
class TestedSweep:
    """A sweep and the conclusions from it.

    Attributes:
        sweep: the nodes, each patched alone, with their effects in the expected direction: what denoising recovers, or
            what noising removes.
        threshold: the threshold, a fraction of clean − corrupt.
        n_tests: the number of tests that are corrected for; more than the sweep's nodes if these were selected from
            more, or if other effects are tested too.
        significant: nodes whose fraction is significantly above the threshold, largest first: one-sided tests at 2.5 %,
            Holm-corrected.
        opposing: nodes whose fraction is significantly below minus the threshold by the same test: they oppose
            the behaviour.
        inconclusive: nodes whose fraction is neither significantly above nor significantly below the threshold.
        refusal: why nothing can be tested; None if there are enough prompts, and rows, for so many tests.
    """

    sweep: Sweep
    threshold: float
    n_tests: int
    significant: tuple[Node, ...]
    opposing: tuple[Node, ...]
    inconclusive: tuple[Node, ...]
    refusal: Refusal | None = None

    def fraction(self, node: Node) -> Estimate:
        """Return the fraction recovered, or removed, by a node, with its interval."""
        (estimate,) = self.sweep.estimates_of([self.sweep.nodes.index(node)])
        return estimate


def assess_sweep(sweep: Sweep, above: float, tested: int | None = None) -> TestedSweep:
    """Test every node of a sweep against a threshold, and against its negative.

    Args:
        sweep: the measurements.
        above: the threshold, a fraction of clean − corrupt.
        tested: the number of tests to correct for; None for one per node.
    """
    tested = len(sweep.nodes) if tested is None else tested
    more, less = beyond_threshold(sweep.recovered, sweep.effect_size, above, sweep.design, tested)
    _, against = beyond_threshold(sweep.recovered, sweep.effect_size, -above, sweep.design, tested)
    order = np.argsort(-sweep.fractions, kind="stable")
    return TestedSweep(
        sweep,
        above,
        tested,
        significant=tuple(sweep.nodes[i] for i in order if more[i]),
        opposing=tuple(sweep.nodes[i] for i in order[::-1] if against[i]),
        inconclusive=tuple(sweep.nodes[i] for i in order if not more[i] and not less[i]),
        refusal=too_few_for_family(sweep.design, tested),
    )


def beyond_threshold(
    recovered: Floats, effect_size: Floats, above: float, design: SamplingDesign, tested: int
) -> tuple[Bools, Bools]:
    """Test whether each fraction is above, and whether it is below a threshold, `node` each.

    Args:
        recovered: `node prompt`.
        effect_size: `prompt`.
        above: the threshold.
        design: how the prompts were drawn.
        tested: the number of tests to correct for; tests of other nodes count as never significant.

    With few prompts, or rows, for so many tests, their error rate does not hold where values are skewed. Discovery may
    still explore with them, because what it claims is verified on other prompts.
    """
    unseen = np.ones(max(0, tested - len(recovered)))
    sides = ratio_p_values(recovered, effect_size, above, design, tested)
    more, less = (holm(np.concatenate([p, unseen]))[: len(recovered)] < ALPHA / 2 for p in sides)
    return more, less


@dataclass(frozen=True)
class NodeEffects:
    """The effects of nodes of one kind, each patched alone.

    A *sufficient* node recovers the score in the corrupted run; a *needed* node removes it from the clean run. Each
    node of a conjunction is needed without being sufficient; each of several redundant copies is sufficient without
    being needed.

    Attributes:
        recovers: what denoising each node recovers.
        removes: what noising each node removes.
        selection: how the nodes were selected from more; None if every node was patched.
    """

    recovers: TestedSweep
    removes: TestedSweep
    selection: NodeSelection | None = None

    @property
    def sufficient(self) -> tuple[Node, ...]:
        """Return the mediators, each of which alone recovers more than the threshold, strongest first."""
        return self.recovers.significant

    @property
    def needed(self) -> tuple[Node, ...]:
        """Return the nodes that each alone remove more than the threshold, strongest first."""
        return self.removes.significant

    @property
    def suppressing(self) -> tuple[Node, ...]:
        """Return the nodes that oppose the behaviour in either direction of patching, strongest first."""
        both = dict.fromkeys((*self.recovers.opposing, *self.removes.opposing))
        return tuple(sorted(both, key=lambda node: (-self.strength(node), node)))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return all sufficient, needed and suppressing nodes, in the order of the model."""
        return tuple(sorted({*self.sufficient, *self.needed, *self.suppressing}))

    def strength(self, node: Node) -> float:
        """Return the larger of both effects in absolute value, a fraction of clean − corrupt."""
        place = self.recovers.sweep.nodes.index(node)
        return max(abs(float(each.sweep.fractions[place])) for each in (self.recovers, self.removes))


def measure_effects(
    measured: Measurements,
    nodes: Sequence[Node],
    above: float,
    title: str,
    *,
    among: int | None = None,
    selection: NodeSelection | None = None,
) -> NodeEffects:
    """Denoise and noise nodes, each alone, and test both effects against the threshold and its negative.

    Args:
        measured: the behaviour on the model.
        nodes: the nodes to patch; at least one.
        above: the threshold, a fraction of clean − corrupt.
        title: the name of the nodes in the progress display.
        among: the number of nodes that these were selected from, for the correction; None if they are all.
        selection: how they were selected.
    """
    tested = TESTS_PER_NODE * (len(nodes) if among is None else among)
    at = measured.default_position
    recovered = measured.sweep_of(nodes, at, f"{title}, denoised")
    return NodeEffects(
        assess_sweep(recovered, above, tested),
        assess_sweep(noising_sweep(measured, nodes, title), above, tested),
        selection,
    )


def noising_sweep(measured: Measurements, nodes: Sequence[Node], title: str) -> Sweep:
    """Noise nodes, each alone; the sweep's `recovered` is what that removes, clean − patched, `node prompt`."""
    at, clean = measured.default_position, measured.unpatched.clean.logit_diff
    patched = measured.logit_diffs([noise(node, at=at) for node in nodes], f"{title}, noised")
    removed: np.typing.NDArray[np.float64] = clean - patched
    effect_size = measured.unpatched.effect_size
    return Sweep(tuple(nodes), at, removed, effect_size, measured.design, measured.floor, measured.intervals)


def unexplained_layers(measured: Measurements, layers: NodeEffects, neurons: NodeEffects) -> tuple[Node, ...]:
    """Return the MLP layers that matter and whose effect their discovered neurons, patched together, do not have.

    The neurons are patched together, because their single effects may add up to anything: one that overshoots would
    hide all others of its layer. A joint effect that is too large does not account for the layer either.

    Args:
        measured: the behaviour on the model.
        layers: the effects of whole MLP layers.
        neurons: the effects of neurons.
    """
    by_layer = {node.layer: [neuron for neuron in neurons.nodes if neuron.layer == node.layer] for node in layers.nodes}
    whole = [node for node in layers.nodes if by_layer[node.layer]]
    without = [node for node in layers.nodes if not by_layer[node.layer]]
    unlike = [node for node in whole if not _same_effect(measured, node, by_layer[node.layer])]
    return tuple(sorted([*without, *unlike]))


def _same_effect(measured: Measurements, layer: Node, neurons: Sequence[Node]) -> bool:
    """Return whether patching the neurons together has the layer's effect, in both directions."""
    at, unpatched = measured.default_position, measured.unpatched
    moved = []
    for patch, start in ((denoise, unpatched.corrupt.logit_diff), (noise, unpatched.clean.logit_diff)):
        both = measured.logit_diffs([patch(*neurons, at=at), patch(layer, at=at)], "neurons of MLP layers")
        moved.append((both - start).mean(1))
    together, own = np.array(moved).T
    return bool(np.abs(together - own).max() <= MAX_RELATIVE_DIFFERENCE * np.abs(own).max())
