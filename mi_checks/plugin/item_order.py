"""The order in which behaviours are measured: one that shows a circuit first, and on workers those that take longest.

Items of one behaviour on one model stay together. Reports and the terminal's summary keep the order of the files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import ModelName, resolve
from mi_checks.plugin.collectors import CheckItem
from mi_checks.spec.behaviour import ModelEntry
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.node_names import ModelShape

# The behaviour that is measured first, on one model without MLPs and one with MLPs, so that an early report has a
# circuit to show. In a project without it, this is the behaviour whose estimated work is the smallest.
FIRST_BEHAVIOUR = "induction"
UNKNOWN_SHAPE = ModelShape(n_layers=12, n_heads=12, d_mlp=3072)  # GPT-2's, for models whose shape only loading tells
NEURONS_PER_HEAD = 128  # neurons that take about as long as a head with its 64 × d_model weights


@dataclass(frozen=True)
class ItemGroup:
    """The items of one behaviour on one model, which share its prompts and runs."""

    items: tuple[CheckItem, ...]
    count: int | None  # prompt pairs that the command line asks for

    @property
    def node_id(self) -> str:
        """Return the id of the collector of the items."""
        return self.items[0].parent.nodeid

    @property
    def loaded(self) -> LoadedBehaviour:
        """Return the behaviour."""
        return self.items[0].parent.loaded

    @cached_property
    def model(self) -> ModelName | None:
        """Return the model; None if it does not exist, which its items report."""
        try:
            return resolve(self.items[0].parent.model)
        except MiChecksError:
            return None

    @cached_property
    def shape(self) -> ModelShape:
        """Return the shape of the model, which is guessed where only loading it would tell."""
        try:
            return (self.model and self.model.shape) or UNKNOWN_SHAPE
        except MiChecksError:  # its items report it
            return UNKNOWN_SHAPE

    @property
    def names_nodes(self) -> bool:
        """Return whether the behaviour's file names nodes of this model, so that its circuit is claimed."""
        entry = self.loaded.behaviour.models.get(self.model.claims if self.model else "")
        return isinstance(entry, ModelEntry) and bool(entry.nodes)

    @property
    def estimated_work(self) -> float:
        """Return a number that grows with the time that the group takes, from what is known without loading a model.

        A sweep patches each head on each pair of prompts, and what follows the patch is recomputed.
        """
        shape, behaviour = self.shape, self.loaded.behaviour
        own_pairs = behaviour.pairs_for(self.model.claims) if self.model else None
        pairs = self.count or own_pairs or behaviour.prompts.pairs
        width = shape.n_heads + (shape.d_mlp or 0) / NEURONS_PER_HEAD
        return float(pairs * shape.n_layers**2 * shape.n_heads * width)


def item_groups(items: Sequence[CheckItem], count: int | None) -> list[ItemGroup]:
    """Return the groups of items, in the order of their first items."""
    by_collector: dict[str, list[CheckItem]] = {}
    for item in items:
        by_collector.setdefault(item.parent.nodeid, []).append(item)
    return [ItemGroup(tuple(group), count) for group in by_collector.values()]


def expected_seconds(groups: Sequence[ItemGroup], measured: Mapping[str, float]) -> dict[str, float]:
    """Return how long each group takes: what it took before or, if that is not known, an estimate in the same unit."""
    rates = [measured[group.node_id] / group.estimated_work for group in groups if group.node_id in measured]
    rate = median(rates) if rates else 1.0
    return {group.node_id: measured.get(group.node_id, rate * group.estimated_work) for group in groups}


def first_groups(groups: Sequence[ItemGroup]) -> list[ItemGroup]:
    """Return the groups to measure first: the smallest that shows a circuit, without MLPs and with MLPs.

    The smallest by estimate, because the first group that a process measures takes longer, as it imports libraries.
    """
    claimed = [group for group in groups if group.names_nodes]
    named = [group for group in claimed if group.loaded.behaviour.name == FIRST_BEHAVIOUR] or claimed
    by_kind = ([group for group in named if group.shape.has_mlps is has_mlps] for has_mlps in (False, True))
    return [min(kind, key=lambda group: group.estimated_work) for kind in by_kind if kind]


def in_order_of_measuring(
    items: Sequence[pytest.Item], count: int | None, measured: Mapping[str, float], *, longest_first: bool
) -> list[pytest.Item]:
    """Return the items of a run in the order in which they are measured.

    Args:
        items: the collected items; if some are not of behaviours, their order stays as it is.
        count: the prompt pairs that the command line asks for; None if each file decides.
        measured: how many seconds groups took in earlier runs, by id.
        longest_first: whether groups that take longest come before others, so that workers end at the same time.
    """
    checks = [item for item in items if isinstance(item, CheckItem)]
    if len(checks) < len(items):
        return list(items)
    groups = item_groups(checks, count)
    first = first_groups(groups)
    others = [group for group in groups if group not in first]
    if longest_first:
        seconds = expected_seconds(groups, measured)
        others.sort(key=lambda group: -seconds[group.node_id])
    return [item for group in (*first, *others) for item in group.items]
