"""An engine that measures only what no earlier run has measured, and is not even made where nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import count, takewhile

import numpy as np
import numpy.typing as npt

from mi_checks.cache.entry import (
    Entry,
    activity_name,
    approximation_name,
    attention_name,
    changes_names,
    direct_name,
    edges_name,
    entry_of,
    intervention_name,
    pattern_name,
    promoted_name,
    ranks_name,
    share_name,
    sources_name,
)
from mi_checks.cache.store import Store
from mi_checks.engine.base_run import BaseRun, Floats
from mi_checks.engine.edge_circuits import EdgeCircuit
from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Component, Node
from mi_checks.stats.statistics import REMEMBERED


class Recalling:
    """Measures one batch on one model, as an engine does.

    Attributes:
        asked: measurements asked for: base runs, interventions, circuits of edges, attention, attributions, shares.
        recalled: how many of them an earlier run had made.
    """

    def __init__(self, make: Callable[[], Engine], store: Store | None, key: str) -> None:
        """Recall what the store has under the key; `make` gives the engine for the rest. Without a store, nothing
        outlives this.
        """
        self._make = make
        self._store = store
        self._key = key
        self._kept = Entry() if store is None else entry_of(store.read(key))
        REMEMBERED.update(self._kept.intervals)
        self._new = False
        self.asked = 0
        self.recalled = 0

    @property
    def has_engine(self) -> bool:
        """Whether anything was left for an engine to measure."""
        return "engine" in self.__dict__

    @property
    def name(self) -> str:
        """The engine that measured."""
        return self._kept.engine or self.engine.name

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupt run."""
        self._count(1, 0 if self._kept.base is None else 1)
        if self._kept.base is None:
            self._kept.base = self.engine.base
            self._new = True
        return self._kept.base

    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """As `Engine.measure`."""
        names = [intervention_name(intervention) for intervention in interventions]
        return self._recalled(names, lambda places: self.engine.measure([interventions[i] for i in places], title))

    def changes(self, intervention: Intervention) -> Floats:
        """As `Engine.changes`."""
        names = changes_names(intervention)
        return self._recalled(names, lambda places: self.engine.changes(intervention)[places])

    def measure_edges(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """As `Engine.measure_edges`."""
        names = [edges_name(circuit) for circuit in circuits]
        return self._recalled(names, lambda places: self.engine.measure_edges([circuits[i] for i in places], title))

    def attended(self, head: Node, destination: str, source: str) -> Floats:
        """As `Engine.attended`."""
        name = attention_name(str(head), destination, source)
        found: Floats = self._recalled([name], lambda _: self.engine.attended(head, destination, source)[None])[0]
        return found

    def attention_of(self, head: Node, prompt: int) -> Floats:
        """As `Engine.attention_of`."""
        return self._array(pattern_name(str(head), prompt), lambda: self.engine.attention_of(head, prompt))

    def from_sources(self, head: Node, prompt: int) -> Floats:
        """As `Engine.from_sources`."""
        return self._array(sources_name(str(head), prompt), lambda: self.engine.from_sources(head, prompt))

    def activity(self, neuron: Node) -> Floats:
        """As `Engine.activity`."""
        return self._array(activity_name(str(neuron)), lambda: self.engine.activity(neuron))

    def promoted(self, neuron: Node, count: int) -> Floats:
        """As `Engine.promoted`."""
        return self._array(promoted_name(str(neuron), count), lambda: self.engine.promoted(neuron, count))

    def direct(self, nodes: list[Node]) -> Floats:
        """As `Engine.direct`."""
        names = [direct_name(str(node)) for node in nodes]
        return self._recalled(names, lambda places: self.engine.direct([nodes[i] for i in places]))

    def ranks(self, tokens: npt.NDArray[np.int64]) -> Floats:
        """As `Engine.ranks`."""
        return self._array(ranks_name(tokens), lambda: self.engine.ranks(tokens))

    def input_shares(self, sender: Node, receiver: Node, at: str) -> Floats:
        """As `Engine.input_shares`."""
        name = share_name(str(sender), str(receiver), at)
        found: Floats = self._recalled([name], lambda _: self.engine.input_shares(sender, receiver, at)[None])[0]
        return found

    def attribution_patching(self, component: Component, at: str | int | None = None) -> Floats:
        """As `Engine.attribution_patching`; how many nodes there are is known from the first time."""
        names = (approximation_name(component, at, index) for index in count())
        known = list(takewhile(self._kept.values.__contains__, names))
        if known:
            return self._recalled(known, lambda _: self.engine.attribution_patching(component, at))
        measured = self.engine.attribution_patching(component, at)
        names = (approximation_name(component, at, index) for index in range(len(measured)))
        return self._recalled(list(names), lambda _: measured) if len(measured) else measured

    def save(self) -> None:
        """Keep what was measured for later runs, beside what another process may have kept meanwhile."""
        if self._new and self._store is not None:
            earlier = entry_of(self._store.read(self._key))
            kept = self._kept
            both = Entry(
                self.name,
                kept.base or earlier.base,
                {**earlier.values, **kept.values},
                {**earlier.patterns, **kept.patterns},
                {**earlier.intervals, **kept.intervals},
            )
            self._store.write(self._key, both.arrays())
            self._new = False

    def keep_intervals(self) -> None:
        """Keep, with the next `save`, the intervals that were worked out since the last time, and forget them here."""
        if self._kept.engine and REMEMBERED.keys() - self._kept.intervals.keys():
            self._kept.intervals |= REMEMBERED
            self._new = True
        REMEMBERED.clear()

    @cached_property
    def engine(self) -> Engine:
        """What measures the rest, made when first asked for."""
        made = self._make()
        self._kept.engine = self._kept.engine or made.name
        return made

    def give_up_engine(self) -> None:
        """Free its memory; if anything is still to be measured it is made again."""
        self.__dict__.pop("engine", None)

    def _recalled(self, names: list[str], measure: Callable[[list[int]], Floats]) -> Floats:
        """What each name stands for, `name prompt`; `measure` is given the places of those that are not known."""
        missing = [place for place, name in enumerate(names) if name not in self._kept.values]
        self._count(len(names), len(names) - len(missing))
        if missing:
            self._kept.values.update(zip((names[i] for i in missing), measure(missing), strict=True))
            self._new = True
        return np.stack([self._kept.values[name] for name in names])

    def _array(self, name: str, measure: Callable[[], Floats]) -> Floats:
        """What a name stands for, whatever its shape."""
        patterns = self._kept.patterns
        self._count(1, name in patterns)
        if name not in patterns:
            patterns[name] = measure()
            self._new = True
        return patterns[name]

    def _count(self, asked: int, recalled: int) -> None:
        self.asked += asked
        self.recalled += recalled
