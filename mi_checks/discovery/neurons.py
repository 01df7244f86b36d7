"""Neurons that mediate: all of them swept, or where they are many a few that attribution patching lets through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mi_checks.checks.measurements import Measurements
from mi_checks.discovery.mediation import Mediation, mediation
from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Node, all_nodes

SWEPT = 1024  # neurons that are swept exactly; of more, as many are as the screen lets through, and a sample
VERIFIED = 64
SMALLER = 0.5  # of the threshold: a neuron is a smaller part of a model than a head
WHOLE = 0.9  # of what an MLP layer recovers: what its found neurons must, to stand for it
SAMPLED = 32  # of the others, at random, to see what the screen may have missed

Screen = Callable[[], Floats]


@dataclass(frozen=True)
class Screening:
    """How well a screen by attribution patching agrees with exact denoising.

    Attributes:
        screened: neurons that were screened.
        verified: how many of them, those of the largest estimates, were denoised exactly.
        correlation: Spearman's, over these, of what was estimated and what was measured; None where either is constant.
        sampled: how many of the others were denoised as well, drawn at random.
        missed: the largest share of these in absolute value.
    """

    screened: int
    verified: int
    correlation: float | None
    sampled: int
    missed: float


@dataclass(frozen=True)
class Neurons:
    """What was found of neurons.

    Attributes:
        mediation: which mediate; a screen's size counts as the family of tests.
        screening: how it was screened; None where every neuron was denoised exactly.
    """

    mediation: Mediation
    screening: Screening | None


def neurons(measured: Measurements, screen: Screen, above: float) -> Neurons | None:
    """Sweep the neurons; None in a model without any.

    Args:
        measured: the behaviour on the model.
        screen: estimates for all neurons, `node prompt`, made only if they are too many to sweep.
        above: the threshold for heads, a share of clean − corrupt; that for neurons is half of it.
    """
    above = SMALLER * above
    nodes = all_nodes("neuron", measured.subject.shape)
    if not nodes:
        return None
    if len(nodes) <= SWEPT:
        return Neurons(mediation(measured.sweep("neuron", at=measured.everywhere), above), None)
    estimated = screen().mean(1) / measured.base.gap.mean()
    order = np.argsort(-np.abs(estimated), kind="stable")
    chosen, rest = order[:VERIFIED], order[VERIFIED:]
    sample = np.random.default_rng(len(nodes)).choice(rest, min(SAMPLED, len(rest)), replace=False)
    verified, others = (
        measured.alone([nodes[i] for i in part], measured.everywhere, "neurons") for part in (chosen, sample)
    )
    screening = Screening(
        screened=len(nodes),
        verified=len(chosen),
        correlation=_rank_correlation(estimated[chosen], verified.shares),
        sampled=len(sample),
        missed=float(np.abs(others.shares).max()),
    )
    return Neurons(mediation(verified, above, tested=len(nodes)), screening)


def _rank_correlation(estimated: Floats, measured: Floats) -> float | None:
    if np.ptp(estimated) == 0 or np.ptp(measured) == 0:
        return None
    return float(stats.spearmanr(estimated, measured).statistic)


def unaccounted(mlps: Mediation, found: Neurons) -> tuple[Node, ...]:
    """The MLP layers found to mediate of which the neurons found are not nearly all."""
    sweep = found.mediation.sweep
    shares: dict[Node, float] = dict(zip(sweep.nodes, sweep.shares.tolist(), strict=True))
    whole = dict(zip(mlps.sweep.nodes, mlps.sweep.shares.tolist(), strict=True))

    def by_neurons(mlp: Node) -> float:
        told: float = sum(shares[neuron] for neuron in found.mediation.found if neuron.layer == mlp.layer)
        return told

    return tuple(mlp for mlp in mlps.found if by_neurons(mlp) < WHOLE * whole[mlp])
