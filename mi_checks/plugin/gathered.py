"""What one pytest run has measured so far, in this process and in workers: what its record is made of."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

from mi_checks.faults.omitted import Omitted
from mi_checks.faults.unexpected import Traces
from mi_checks.plugin.lint_tally import LintTally
from mi_checks.plugin.mutant_tally import Tally
from mi_checks.plugin.options import Options
from mi_checks.results.as_data import as_data
from mi_checks.results.build import library_versions, run_record, settings_text
from mi_checks.results.evidence import Evidence
from mi_checks.results.from_data import evidence_from_dict, guards_from_dict, result_from_dict
from mi_checks.results.journal import SUFFIX, Journal
from mi_checks.results.merge import joined
from mi_checks.results.run import CheckResult, ModelGuards, Run


class Gathered:
    """Everything that the record of a run is made of."""

    def __init__(self, options: Options) -> None:
        """Begin with nothing."""
        self.options = options
        self.omitted = Omitted()  # what could not be added to the record
        self.traces = Traces()
        self.reuse = {"asked": 0, "recalled": 0}
        self.mutants = Tally()
        self.journal = Journal(options.kept_run, options.worker)
        self.began = time.time()
        self.results: list[CheckResult] = []
        self.ran: dict[tuple[str, str], dict[str, CheckResult]] = {}  # behaviour, model → check → its result
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.lints = LintTally()
        self.provenance: dict[str, dict[str, str]] = {}
        self.guards: dict[str, ModelGuards] = {}
        self.selected: list[str] = []  # ids of what pytest meant to run, in order; more than the results if cut short

    def remember(self, result: CheckResult) -> CheckResult:
        """Keep the result of one item."""
        self.results.append(result)
        self.ran.setdefault((result.behaviour, result.model), {})[result.check] = result
        return result

    def write_journal(self) -> None:
        """Add what is new to the journal, if it is time to."""
        if self.journal.due:
            self.journal.add(self.record())

    def keep(self, evidence: Evidence) -> None:
        """Keep the evidence of a behaviour on a model, as one with what a worker measured of it."""
        key = (evidence.behaviour, evidence.model)
        self.evidence[key] = joined(self.evidence[key], evidence) if key in self.evidence else evidence

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of what measures."""
        return library_versions("pytest")

    def record(self) -> Run:
        """Return the run so far."""
        asked = self.options
        settings = settings_text(
            engine=asked.engine,
            device=asked.device,
            dtype=asked.dtype,
            count=asked.count,
            seed=asked.seed,
            unchanged="as in each file",
        )
        base = {} if asked.base is None else {"base": asked.base}
        return run_record(
            shlex.join(["pytest", *sys.argv[1:]]),
            self.began,
            self.versions,
            {**settings, **base},
            self.provenance,
            results=self.results,
            evidence=sorted(self.evidence.values(), key=self._place_of_evidence()),
            selected=len(self.selected) or None,
            mutants=self.mutants.results,
            omitted=self.omitted.sentences,
            lints=self.lints.all,
            guards=self.guards,
        )

    def _place_of_evidence(self) -> Callable[[Evidence], int]:
        """Where the first check of its behaviour and model ran: workers finish in any order."""
        first: dict[tuple[str, str], int] = {}
        for place, result in enumerate(self.results):
            first.setdefault((result.behaviour, result.model), place)
        return lambda evidence: first.get((evidence.behaviour, evidence.model), len(self.results))

    def to_wire(self) -> dict[str, Any]:
        """Return everything measured here, for the controller of `pytest -n`."""
        evidence: list[Any] = []
        with self.omitted.unless("the evidence of a worker"):
            evidence = as_data(list(self.evidence.values()))
        return {
            "results": as_data(self.results),
            "evidence": evidence,
            "provenance": self.provenance,
            "guards": as_data(self.guards),
            "reuse": self.reuse,
            "mutants": self.mutants.to_wire(),
            "lints": self.lints.to_wire(),
            "selected": self.selected,
            "omitted": self.omitted.sentences,
            "traces": self.traces.found,
        }

    def from_wire(self, data: dict[str, Any]) -> None:
        """Take over what a worker measured."""
        self.results += [result_from_dict(result) for result in data["results"]]
        for sentence in data["omitted"]:
            self.omitted.say(sentence)
        self.traces.found += data["traces"]
        for evidence in data["evidence"]:
            with self.omitted.unless("the evidence of a worker"):
                self.keep(evidence_from_dict(evidence))
        self.provenance.update(data["provenance"])
        self.guards.update({name: guards_from_dict(guards) for name, guards in data["guards"].items()})
        for name, count in data["reuse"].items():
            self.reuse[name] += count
        self.selected = data["selected"]  # each worker collects all
        self.sort()
        self.mutants.from_wire(data["mutants"])
        self.lints.from_wire(data["lints"])

    def take_journal(self) -> None:
        """Take over what workers that crashed had measured and written, if nobody else has measured it."""
        from mi_checks.results.read_run import read_run

        run = read_run(self.options.kept_run.with_name(self.options.kept_run.name + SUFFIX))
        known = {result.node_id for result in self.results}
        self.results += [result for result in run.results if result.node_id not in known]
        for evidence in run.evidence:
            self.evidence.setdefault((evidence.behaviour, evidence.model), evidence)
        self.provenance = {**run.models, **self.provenance}
        self.guards = {**run.guards, **self.guards}
        self.sort()

    def sort(self) -> None:
        """Sort the results in the order in which their checks were collected, since workers finish in any order."""
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order.get(result.node_id, len(order)))
