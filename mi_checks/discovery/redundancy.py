"""Pairs of heads either of which does without the other: to ablate one takes nothing away, to ablate both does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.discovery.mediation import significant
from mi_checks.engine.base import Floats
from mi_checks.engine.interventions import Ablated, ablate
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate
from mi_checks.stats import ratio_interval

ALL_PAIRS = 24  # heads; of more, only pairs with a head that is known to matter
NEAR = 0.5  # of the threshold: what a pair must exceed it by on a few prompts to be measured on more


@dataclass(frozen=True)
class Redundant:
    """Two heads of which each alone is surely not needed, and one of them surely is.

    Attributes:
        pair: the heads.
        alone: the share of clean − corrupt that ablating each alone removes.
        together: what ablating both removes.
    """

    pair: tuple[Node, Node]
    alone: tuple[Estimate, Estimate]
    together: Estimate


@dataclass(frozen=True)
class Ablations:
    """What ablating every head alone, and heads in pairs, removes.

    Attributes:
        heads: the heads.
        alone: the share that ablating each alone removes.
        pairs: how many pairs were ablated, and corrected for.
        redundant: the pairs that are redundant, by what both remove, largest first.
    """

    heads: tuple[Node, ...]
    alone: tuple[Estimate, ...]
    pairs: int
    redundant: tuple[Redundant, ...]

    def removed(self, head: Node) -> Estimate:
        """What ablating a head alone removes."""
        return self.alone[self.heads.index(head)]


def ablations(
    measured: Measurements,
    few: Measurements,
    heads: Sequence[Node],
    known: Collection[Node],
    above: float,
    kind: Ablated,
) -> Ablations:
    """Ablate heads alone and in pairs.

    A pair is redundant when each head alone surely removes less than the threshold, and both together surely remove
    more than it beyond what they remove alone: one-sided tests at 2.5 %, of the pairs corrected by Holm over all pairs,
    and of the single heads over all heads. Pairs that are far from it on a few prompts are not measured on more.

    Args:
        measured: the behaviour on the model.
        few: the same on fewer prompts.
        heads: all heads.
        known: heads that are known to matter; where there are many heads, only pairs with one of these are ablated.
        above: the threshold, a share of clean − corrupt.
        kind: what is put in their place.
    """
    gap, clean = measured.base.gap, measured.base.clean.logit_diff
    alone = clean - measured.logit_diffs([ablate(head, kind=kind) for head in heads], "ablations")
    _, idle = significant(alone, gap, above, len(heads))
    pairs = [
        (i, j)
        for i, j in combinations(range(len(heads)), 2)
        if idle[i] and idle[j] and (len(heads) <= ALL_PAIRS or heads[i] in known or heads[j] in known)
    ]
    shares = tuple(ratio_interval(row, gap) for row in alone)
    near = [
        pair
        for pair, share in zip(pairs, _beyond(few, heads, pairs, kind, float(gap.mean())), strict=True)
        if share > NEAR * above
    ]
    found: list[Redundant] = []
    if near:
        both = [ablate(heads[i], heads[j], kind=kind) for i, j in near]
        together = clean - measured.logit_diffs(both, "ablations of pairs")
        more, _ = significant(together - np.stack([alone[i] + alone[j] for i, j in near]), gap, above, len(pairs))
        found = [
            Redundant((heads[i], heads[j]), (shares[i], shares[j]), ratio_interval(row, gap))
            for (i, j), row, surely in zip(near, together, more, strict=True)
            if surely
        ]
    found.sort(key=lambda each: -each.together.value)
    return Ablations(tuple(heads), shares, len(pairs), tuple(found))


def _beyond(
    few: Measurements, heads: Sequence[Node], pairs: Sequence[tuple[int, int]], kind: Ablated, gap: float
) -> Floats:
    """The share that ablating both of each pair removes beyond what ablating each alone does, `pair`."""
    if not pairs:
        return np.empty(0)
    sets = [[head] for head in heads] + [[heads[i], heads[j]] for i, j in pairs]
    left = few.logit_diffs([ablate(*nodes, kind=kind) for nodes in sets], "ablations of pairs")
    removed = (few.base.clean.logit_diff - left).mean(1) / gap
    beyond: Floats = removed[len(heads) :] - np.array([removed[i] + removed[j] for i, j in pairs])
    return beyond
