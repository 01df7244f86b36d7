"""The distribution of behaviours over the workers of `pytest -n`. Only the controller of such a run imports it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.plugin.measured_seconds import group_of

MAX_SMALL_LAYERS = 6  # a model with more layers, or of unknown shape, takes long to load and much memory
MAX_QUEUED_GROUPS = 2  # the group that a worker measures, and the next, so that it never waits for the controller
MIN_SHARED_SECONDS = 60.0  # a second worker loads a large model only if its remaining behaviours take as long


class BehaviourScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """A scheduler that gives workers whole behaviours on a model, in the order in which they are collected.

    A large model stays on the worker that has it, as long as there is other work or little of it is left.
    """

    def __init__(self, config: pytest.Config, log: Producer | None, seconds: Mapping[str, float]) -> None:
        """Begin without workers.

        Args:
            config: pytest's configuration.
            log: the log of xdist.
            seconds: how long behaviours on a model took in earlier runs, by the id of their collector.
        """
        super().__init__(config, log)
        self.collection: list[str] | None = None
        self.workqueue: OrderedDict[str, dict[str, bool]] = OrderedDict()  # of groups that no worker has
        self._seconds = seconds
        self._workers_by_model: dict[str, set[WorkerController]] = {}  # of large models

    def schedule(self) -> None:
        """Distribute the items, once every worker has collected the same, and give work to workers that came later."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            self.collection = list(next(iter(self.registered_collections.values())))
            for node_id in self.collection:
                self.workqueue.setdefault(self._split_scope(node_id), {})[node_id] = False
            for node in self.nodes:  # each gets its first group before any gets its second
                self._queue_next_group(node)
        for node in self.nodes:
            self._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the item in which a worker crashed, if it did; its other items are measured by others.

        xdist's own schedulers of groups would run the item again, and crash the next worker with it.
        """
        workload = self.assigned_work.pop(node)
        for workers in self._workers_by_model.values():
            workers.discard(node)
        crashed = None
        for group, items in workload.items():
            unfinished = [node_id for node_id, finished in items.items() if not finished]
            if unfinished and crashed is None:
                crashed = unfinished.pop(0)
                items[crashed] = True
            if unfinished:
                self.workqueue[group] = items
                self.workqueue.move_to_end(group, last=False)
        for other in self.nodes:
            self._reschedule(other)
        return crashed

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        """Queue the next groups of a worker, or shut it down if nothing is left for it to measure."""
        while not node.shutting_down and self._needs_work(node):
            self._queue_next_group(node)

    def _queue_next_group(self, node: WorkerController) -> None:
        group = self._next_group(node)
        if group is None:
            node.shutdown()
        else:
            self.workqueue.move_to_end(group, last=False)
            self._assign_work_unit(node)

    def _needs_work(self, node: WorkerController) -> bool:
        """Return whether a worker should get another group; it starts an item only when it knows the one after it."""
        unfinished = [len(items) - sum(items.values()) for items in self.assigned_work[node].values()]
        return sum(unfinished) <= 2 or sum(map(bool, unfinished)) < MAX_QUEUED_GROUPS

    def _next_group(self, node: WorkerController) -> str | None:
        """Return the first group that does not load a large model a second time, or one that is worth loading it."""
        remaining: dict[str, float] = {}
        for group in self.workqueue:
            model = _large_model(group)
            workers = self._workers_by_model.setdefault(model, set()) if model else set()
            if not model or not workers or node in workers:
                workers.add(node)
                return group
            remaining[model] = remaining.get(model, 0.0) + self._seconds.get(group, MIN_SHARED_SECONDS)
        for group in self.workqueue:
            model = _large_model(group)
            if remaining[model] > MIN_SHARED_SECONDS:
                self._workers_by_model[model].add(node)
                return group
        return None


def _large_model(group: str) -> str:
    """Return the model of a group if it is large; otherwise ""."""
    model = group.rpartition("::")[2]
    try:
        shape = resolve(model).shape
    except MiChecksError:  # in an id, some characters of a name are replaced
        return model
    return "" if shape is not None and shape.n_layers <= MAX_SMALL_LAYERS else model
