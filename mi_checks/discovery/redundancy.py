"""Pairs of heads either of which does without the other: to ablate one takes nothing away, to ablate both does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.discovery.mediation import significant
from mi_checks.engine.interventions import ablate
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate
from mi_checks.stats import ALPHA, holm, ratio_interval, ratio_p_values

ALL_PAIRS = 16  # heads; of more, only pairs with a head that is known to matter


@dataclass(frozen=True)
class Redundant:
    """Two heads of which each alone is surely not needed, and one of them surely is.

    Attributes:
        pair: the heads.
        alone: the share of clean − corrupt that mean-ablating each alone removes.
        together: what mean-ablating both removes.
    """

    pair: tuple[Node, Node]
    alone: tuple[Estimate, Estimate]
    together: Estimate


@dataclass(frozen=True)
class Ablations:
    """What mean-ablating every head alone, and heads in pairs, removes.

    Attributes:
        heads: the heads.
        alone: the share that ablating each alone removes.
        pairs: how many pairs were ablated.
        redundant: the pairs that are redundant, by what both remove, largest first.
    """

    heads: tuple[Node, ...]
    alone: tuple[Estimate, ...]
    pairs: int
    redundant: tuple[Redundant, ...]

    def removed(self, head: Node) -> Estimate:
        """What ablating a head alone removes."""
        return self.alone[self.heads.index(head)]


def ablations(measured: Measurements, heads: Sequence[Node], known: Collection[Node], above: float) -> Ablations:
    """Ablate heads alone and in pairs by their mean.

    A pair is redundant when each head alone surely removes less than the threshold, and both together surely remove
    more than it beyond what they remove alone: one-sided tests at 2.5 %, of the pairs corrected by Holm over all pairs,
    and of the single heads over all heads.

    Args:
        measured: the behaviour on the model.
        heads: all heads.
        known: heads that are known to matter; where there are many heads, only pairs with one of these are ablated.
        above: the threshold, a share of clean − corrupt.
    """
    gap, clean = measured.base.gap, measured.base.clean.logit_diff
    alone = clean - measured.logit_diffs([ablate(head, kind="mean") for head in heads], "ablations")
    _, idle = significant(alone, gap, above, len(heads))
    pairs = [
        (i, j)
        for i, j in combinations(range(len(heads)), 2)
        if idle[i] and idle[j] and (len(heads) <= ALL_PAIRS or heads[i] in known or heads[j] in known)
    ]
    found: list[Redundant] = []
    shares = tuple(ratio_interval(row, gap) for row in alone)
    if pairs:
        both = [ablate(heads[i], heads[j], kind="mean") for i, j in pairs]
        together = clean - measured.logit_diffs(both, "ablations of pairs")
        excess = together - np.stack([alone[i] + alone[j] for i, j in pairs])
        more, _ = ratio_p_values(excess, gap, above)
        found = [
            Redundant((heads[i], heads[j]), (shares[i], shares[j]), ratio_interval(row, gap))
            for (i, j), row, p in zip(pairs, together, holm(more), strict=True)
            if p < ALPHA / 2
        ]
    found.sort(key=lambda each: -each.together.value)
    return Ablations(tuple(heads), shares, len(pairs), tuple(found))
