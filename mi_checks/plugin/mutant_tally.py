"""The mutants of a run: collected from its items and workers, and its last lines about them. Light to import."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mi_checks.results.from_data import mutants_from_dict
from mi_checks.results.run import MutantsResult


class Tally:
    """What the items made of mutants."""

    def __init__(self) -> None:
        """Begin with none."""
        self.results: list[MutantsResult] = []
        self.selected: list[str] = []  # ids of the items that pytest meant to run, in order

    def add(self, result: MutantsResult) -> MutantsResult:
        """Count one check's."""
        self.results.append(result)
        return result

    def to_wire(self) -> dict[str, Any]:
        """Everything, for the controller of `pytest -n`."""
        return {"results": [asdict(result) for result in self.results], "selected": self.selected}

    def from_wire(self, wire: dict[str, Any]) -> None:
        """Take over what a worker has; workers finish in any order."""
        self.results += map(mutants_from_dict, wire["results"])
        self.selected = wire["selected"]  # each worker collects all
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order.get(result.node_id, len(order)))

    def lines(self) -> list[str]:
        """How many were killed, and each that was not."""
        if not self.results:
            return []
        total = sum(len(result.mutants) for result in self.results)
        survivors = [(result, mutant) for result in self.results for mutant in result.survivors]
        return [
            f"mutants: {total - len(survivors)} killed of {total}",
            *(f"  survived: {result.node_id}: {mutant.mutation}" for result, mutant in survivors),
        ]
