"""The selection of nodes to patch by gradients, and its agreement with the effects of patching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from mi_checks.engine.readout import Floats

NO_EFFECT = 1e-5  # fraction of clean − corrupt; a smaller estimate is zero up to rounding
MIN_COMPARED = 8  # nodes with estimates and exact values; with fewer, a rank correlation is meaningless
# fraction of their estimates, or exact values, that are tied; with more, the correlation would reflect ties
MAX_TIED = 0.5


@dataclass(frozen=True)
class Agreement:
    """The agreement of one estimate with exact patching, over the nodes for which both are known.

    Attributes:
        what: "recovers" or "removes".
        compared: the number of nodes with a nonzero estimate, over which the correlation is taken.
        silent: the number of nodes whose estimate is exactly zero, about which the screen says nothing.
        correlation: Spearman's, over the compared nodes; None if there are too few of them, or too many ties.
    """

    what: str
    compared: int
    silent: int
    correlation: float | None


@dataclass(frozen=True)
class Screening:
    """The selection by a screen, and evidence on its reliability.

    Attributes:
        screened: the number of nodes that it selected from.
        seconds: the time that patching all of them was expected to take.
        by_gradient: the number of nodes selected by their estimates.
        by_halving: the number of further nodes selected by exact patching of ever smaller groups.
        unfinished: whether there was no time to divide all groups.
        sampled: the number of nodes drawn at random from all others, and patched as well.
        missed: the largest effect among these in absolute value, a fraction of clean − corrupt.
        agreement: the agreement of estimates and exact values, over all nodes that were patched.
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
    """Return the indices of the largest nonzero estimates in absolute value, taken from every row in turn.

    Args:
        estimates: `estimate node`.
        count: the maximum number of indices.
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
    """Return the fraction of values that equal another up to rounding."""
    return 1 - len(np.unique(np.round(values / NO_EFFECT))) / len(values)
