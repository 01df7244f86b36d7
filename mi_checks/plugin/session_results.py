"""Everything that one pytest run has measured, in this process and in the workers of pytest -n."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from mi_checks.faults.omissions import Omissions
from mi_checks.faults.unexpected import TracebackCollector
from mi_checks.plugin.options import Options
from mi_checks.results.as_data import as_data
from mi_checks.results.build import library_versions, run_record, settings_text
from mi_checks.results.evidence import Evidence
from mi_checks.results.from_data import (
    evidence_from_dict,
    guards_from_dict,
    lint_from_dict,
    mutants_from_dict,
    result_from_dict,
)
from mi_checks.results.journal import SUFFIX, Journal
from mi_checks.results.merge import joined
from mi_checks.results.run import CheckResult, Lint, ModelGuards, MutantsResult, Run
from mi_checks.stats.estimate import Outcome

MAX_WARNING_LINES = 10  # of the terminal

BehaviourAndModel = tuple[str, str]  # of a behaviour and a model


class LintTally:
    """What pytest's session knows of lints."""

    def __init__(self) -> None:
        self._found: dict[BehaviourAndModel, tuple[Lint, ...]] = {}

    @property
    def all(self) -> tuple[Lint, ...]:
        """In the order in which they were found."""
        return tuple(lint for found in self._found.values() for lint in found)

    def once(self, key: BehaviourAndModel, look: Callable[[], tuple[Lint, ...]]) -> tuple[Lint, ...]:
        """Return the lints of a behaviour on a model, and look for them if that was not done yet."""
        if key not in self._found:
            self._found[key] = look()
        return self._found[key]

    def lines(self) -> list[str]:
        """Return one line of the terminal for each lint, as many as can be taken in at a glance."""
        lines = [f"warning: {each.behaviour} on {each.model}: {each.message} ({each.place})" for each in self.all]
        more = len(lines) - MAX_WARNING_LINES
        return [*lines[:MAX_WARNING_LINES], *([f"warning: {more} more, which the report lists"] if more > 0 else [])]

    def to_wire(self) -> Any:
        """For the controller of `pytest -n`."""
        return as_data(list(self.all))

    def from_wire(self, wire: Sequence[dict[str, Any]]) -> None:
        """Take over what a worker found; another one may have found the same."""
        for lint in map(lint_from_dict, wire):
            before = self._found.get((lint.behaviour, lint.model), ())
            self._found[lint.behaviour, lint.model] = before if lint in before else (*before, lint)


def lint_outcome(found: Sequence[Lint], unmeasured: CheckResult | None) -> Outcome:
    """Return what the item of `--mi-strict` comes to; it is skipped where a check could not be measured."""
    return "skipped" if unmeasured is not None else "fail" if found else "pass"


def lint_reasons(found: Sequence[Lint]) -> str:
    """Return why the item of `--mi-strict` fails, a line for each lint."""
    return "\n".join(f"{each.message} ({each.place})" for each in found)


def lint_message(found: Sequence[Lint], unmeasured: CheckResult | None, behaviour: str) -> str:
    """Return the message of the item of `--mi-strict`, without where it is and how to run it again."""
    if unmeasured is not None:
        return f"not looked for: {unmeasured.check} could not be measured"
    if not found:
        return ""
    reasons = "a reason" if len(found) == 1 else f"{len(found)} reasons"
    because = [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(lint_reasons(found).splitlines())]
    return "\n".join([f"fail: {reasons} to doubt what {behaviour} measures", *because])


class MutantTally:
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


class SessionResults:
    """Everything that the record of a run is made of."""

    def __init__(self, options: Options) -> None:
        """Begin with nothing."""
        self.options = options
        self.omitted = Omissions()  # what could not be added to the record
        self.traces = TracebackCollector()
        self.reuse = {"requested": 0, "cached": 0}
        self.mutants = MutantTally()
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
        with self.omitted.suppressing("the evidence of a worker"):
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
            "traces": self.traces.reports,
        }

    def from_wire(self, data: dict[str, Any]) -> None:
        """Take over what a worker measured."""
        self.results += [result_from_dict(result) for result in data["results"]]
        for sentence in data["omitted"]:
            self.omitted.add_sentence(sentence)
        self.traces.reports += data["traces"]
        for evidence in data["evidence"]:
            with self.omitted.suppressing("the evidence of a worker"):
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
