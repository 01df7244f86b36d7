"""Scores under interventions and in circuits of edges, which each engine measures in its own way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mi_checks.engine.base_run import Floats
from mi_checks.engine.edge_circuits import EdgeCircuit
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import Intervention


@dataclass(frozen=True)
class Scores(Quantity):
    """The scores under several interventions, `intervention prompt`.

    Attributes:
        interventions: the interventions, each of which is made in a run of its own.
        title: the title of the progress bar.
    """

    by_row = True
    signed = True

    interventions: tuple[Intervention, ...]
    title: str = field(default="patching", compare=False)

    def names(self) -> tuple[str, ...]:
        """Return a name for each intervention, built from all of its fields."""
        return tuple(map(intervention_name, self.interventions))

    def only(self, rows: Sequence[int]) -> Scores:
        """Return the quantity with only these interventions."""
        return replace(self, interventions=tuple(self.interventions[row] for row in rows))

    def of(self, engine: Engine) -> Floats:
        """Return the engine's scores, `intervention prompt`."""
        return engine.scores(list(self.interventions), self.title)


@dataclass(frozen=True)
class EdgeScores(Quantity):
    """The scores in several circuits of edges, `circuit prompt`.

    Attributes:
        circuits: the circuits, each of which is run on its own.
        title: the title of the progress bar.
    """

    by_row = True
    signed = True

    circuits: tuple[EdgeCircuit, ...]
    title: str = field(default="edges", compare=False)

    def names(self) -> tuple[str, ...]:
        """Return a name for each circuit, built from all of its fields; the order of its edges does not matter."""
        return tuple(
            json.dumps(
                ["edges", each.value, each.mlps, sorted([str(sender), str(reader)] for sender, reader in each.edges)]
            )
            for each in self.circuits
        )

    def only(self, rows: Sequence[int]) -> EdgeScores:
        """Return the quantity with only these circuits."""
        return replace(self, circuits=tuple(self.circuits[row] for row in rows))

    def of(self, engine: Engine) -> Floats:
        """Return the engine's scores, `circuit prompt`."""
        return engine.edge_scores(list(self.circuits), self.title)


def intervention_name(intervention: Intervention) -> str:
    """Return a name that identifies the intervention."""
    nodes, into, *onward = (
        [str(node) for node in part] for part in (intervention.nodes, intervention.into, *intervention.onward)
    )
    return json.dumps([nodes, intervention.at, intervention.run, intervention.value, into, *onward])
