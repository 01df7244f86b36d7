"""Which of too many nodes are patched, chosen by gradients, and how well these agreed with what patching does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mi_checks.engine.base_run import Floats

NO_EFFECT = 1e-5  # of clean − corrupt: a smaller estimate is zero but for rounding
MIN_COMPARED = 8  # nodes whose estimates and exact values are compared; of fewer a rank correlation says nothing
MAX_TIED = 0.5  # of these whose estimates, or exact values, are tied; with more it would speak of ties


@dataclass(frozen=True)
class Agreement:
    """How well one estimate agrees with exact patching over the nodes of which both are known.

    Attributes:
        what: "recovers" or "removes".
        compared: nodes with an estimate other than zero, over which the correlation is taken.
        silent: nodes whose estimate is exactly zero: of these the screen says nothing, not that they do nothing.
        correlation: Spearman's, over the compared nodes; None where there are too few of them, or too many ties.
    """

    what: str
    compared: int
    silent: int
    correlation: float | None


@dataclass(frozen=True)
class Screening:
    """What a screen has let through, and how far it can be believed.

    Attributes:
        screened: nodes that it chose from.
        seconds: the time that patching all of them was expected to take.
        by_gradient: nodes let through by their estimates.
        by_halving: further nodes let through by exact patching of ever smaller groups.
        unfinished: whether there were more groups than time to divide them all.
        sampled: nodes drawn at random from all others, patched as well.
        missed: the largest effect among these in absolute value, a fraction of clean − corrupt.
        agreement: of estimates and exact values, over all nodes that were patched.
    """

    screened: int
    seconds: float
    by_gradient: int
    by_halving: int
    unfinished: bool
    sampled: int
    missed: float
    agreement: tuple[Agreement, ...]


def largest(estimates: Floats, count: int) -> list[int]:
    """Return the places of the largest estimates in absolute value, taken from every row in turn; never one of zero.

    Args:
        estimates: `estimate node`.
        count: how many places at most.
    """
    sizes = np.abs(estimates)
    orders = np.argsort(-sizes, axis=1, kind="stable")
    chosen: dict[int, None] = {}
    for rank in range(estimates.shape[1]):
        for row, order in enumerate(orders):
            if len(chosen) >= count:
                return list(chosen)
            if sizes[row, order[rank]] > NO_EFFECT:
                chosen[int(order[rank])] = None
    return list(chosen)


def drawn_from(others: Sequence[int], count: int, seed: int) -> list[int]:
    """Return some of the others, drawn at random without replacement, in order."""
    drawn = np.random.default_rng(seed).choice(np.array(others, dtype=int), min(count, len(others)), replace=False)
    return sorted(map(int, drawn))


def agreement(what: str, estimated: Floats, measured: Floats) -> Agreement:
    """Compare an estimate with exact values.

    Args:
        what: the effect.
        estimated: `node`.
        measured: `node`.
    """
    speaks = np.abs(estimated) > NO_EFFECT
    own, exact = estimated[speaks], measured[speaks]
    compared = int(speaks.sum())
    correlation = None
    if compared >= MIN_COMPARED and max(_tied(own), _tied(exact)) <= MAX_TIED:
        correlation = float(stats.spearmanr(own, exact).statistic)
    return Agreement(what, compared, int((~speaks).sum()), correlation)


def _tied(values: Floats) -> float:
    """Return the part of some values that equals others but for rounding."""
    return 1 - len(np.unique(np.round(values / NO_EFFECT))) / len(values)
