"""The results of one pytest run, from this process and from the workers of `pytest -n`. Light to import."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any

from mi_checks.faults.omissions import Omissions
from mi_checks.faults.unexpected import TracebackCollector
from mi_checks.plugin.options import Options
from mi_checks.results.build import library_versions, run_record, settings_text
from mi_checks.results.evidence import Evidence, merge_evidence
from mi_checks.results.read_run import record_from_data
from mi_checks.results.run import FAMILYWISE, CheckResult, Lint, ModelGuards, MutantsResult, Run
from mi_checks.results.write_run import JOURNAL_SUFFIX, Journal, as_data
from mi_checks.stats.estimate import Outcome

NOT_DRAWN = (
    "The report has no circuits, maps and curves, as mutants were run; to have them, name the report with --mi-report"
)
MAX_WARNING_LINES = 10  # of the terminal

BehaviourAndModel = tuple[str, str]  # of a behaviour and a model


class LintTally:
    """The lints of a run, by behaviour and model."""

    def __init__(self) -> None:
        self._lints: dict[BehaviourAndModel, tuple[Lint, ...]] = {}

    @property
    def all(self) -> tuple[Lint, ...]:
        """Return all lints, in the order in which they were found."""
        return tuple(lint for lints in self._lints.values() for lint in lints)

    def find_once(self, key: BehaviourAndModel, look: Callable[[], tuple[Lint, ...]]) -> tuple[Lint, ...]:
        """Return the lints of a behaviour on a model; `look` finds them the first time."""
        if key not in self._lints:
            self._lints[key] = look()
        return self._lints[key]

    def lines(self) -> list[str]:
        """Return the first lints for the terminal, one line each, and how many more there are."""
        lines = [f"warning: {each.behaviour} on {each.model}: {each.message} ({each.place})" for each in self.all]
        more = len(lines) - MAX_WARNING_LINES
        return [
            *lines[:MAX_WARNING_LINES],
            *([f"warning: {more} more; the report lists all of them"] if more > 0 else []),
        ]

    def to_wire(self) -> Any:
        """For the controller of `pytest -n`."""
        return as_data(list(self.all))

    def from_wire(self, wire: Sequence[dict[str, Any]]) -> None:
        """Add the lints that a worker found; another worker may have found the same."""
        for lint in map(partial(record_from_data, Lint), wire):
            before = self._lints.get((lint.behaviour, lint.model), ())
            self._lints[lint.behaviour, lint.model] = before if lint in before else (*before, lint)


def lint_outcome(lints: Sequence[Lint], unmeasured: CheckResult | None) -> Outcome:
    """Return the outcome of the item of `--mi-strict`; it is skipped if a check could not be measured."""
    return "skipped" if unmeasured is not None else "fail" if lints else "pass"


def lint_reasons(lints: Sequence[Lint]) -> str:
    """Return why the item of `--mi-strict` fails, with one line for each lint."""
    return "\n".join(f"{each.message} ({each.place})" for each in lints)


def lint_message(lints: Sequence[Lint], unmeasured: CheckResult | None, behaviour: str) -> str:
    """Return the message of the item of `--mi-strict`, without its location and re-run command."""
    if unmeasured is not None:
        return f"not linted: {unmeasured.check} could not be measured"
    if not lints:
        return ""
    reasons = "1 reason" if len(lints) == 1 else f"{len(lints)} reasons"
    because = [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(lint_reasons(lints).splitlines())]
    return "\n".join([f"fail: {reasons} to doubt what {behaviour} measures", *because])


class MutantTally:
    """The results of the items that run mutants."""

    def __init__(self) -> None:
        """Begin without results."""
        self.results: list[MutantsResult] = []
        self.selected: list[str] = []  # ids of the items that pytest selected, in order

    def add(self, result: MutantsResult) -> MutantsResult:
        """Add the result of one item, and return it."""
        self.results.append(result)
        return result

    def to_wire(self) -> dict[str, Any]:
        """Return the results for the controller of `pytest -n`."""
        return {"results": [asdict(result) for result in self.results], "selected": self.selected}

    def from_wire(self, wire: dict[str, Any]) -> None:
        """Add the results of a worker; workers finish in any order."""
        self.results += map(partial(record_from_data, MutantsResult), wire["results"])
        self.selected = wire["selected"]  # the same in each worker
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order.get(result.node_id, len(order)))

    def lines(self) -> list[str]:
        """Return how many mutants were killed, and each that survived, for the terminal."""
        if not self.results:
            return []
        total = sum(len(result.mutants) for result in self.results)
        survivors = [(result, mutant) for result in self.results for mutant in result.survivors]
        return [
            f"mutants: {total - len(survivors)} of {total} killed",
            *(f"  survived: {result.node_id}: {mutant.mutation}" for result, mutant in survivors),
        ]


class SessionResults:
    """Everything that the record of a run is made of."""

    def __init__(self, options: Options) -> None:
        """Begin without results."""
        self.options = options
        self.omitted = Omissions()  # what is missing from the record, and why
        self.traces = TracebackCollector()
        self.cache_counts = {"requested": 0, "cached": 0}
        self.result_counts = {"requested": 0, "cached": 0}  # of checks; an earlier run has stored the cached ones
        self.mutants = MutantTally()
        self.journal = Journal(options.run_file, options.worker_id)
        self.began = time.time()
        self.results: list[CheckResult] = []
        self.results_by_check: dict[tuple[str, str], dict[str, CheckResult]] = {}
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.lints = LintTally()
        self.provenance: dict[str, dict[str, str]] = {}
        self.guards: dict[str, ModelGuards] = {}
        self.selected: list[
            str
        ] = []  # ids of the selected items, in order; more than the results if the run was cut short

    def add_result(self, result: CheckResult) -> CheckResult:
        """Add the result of one item, and return it."""
        self.results.append(result)
        self.results_by_check.setdefault((result.behaviour, result.model), {})[result.check] = result
        return result

    def replace_result(self, result: CheckResult) -> None:
        """Replace the result of an item."""
        self.results = [result if each.node_id == result.node_id else each for each in self.results]
        self.results_by_check.setdefault((result.behaviour, result.model), {})[result.check] = result

    def write_journal(self) -> None:
        """Append new results to the journal."""
        self.journal.add(self.record())

    def add_evidence(self, evidence: Evidence) -> None:
        """Add the evidence of a behaviour on a model, joined with what a worker measured."""
        if not self.options.draws:
            self.omitted.add_sentence(NOT_DRAWN)
        key = (evidence.behaviour, evidence.model)
        self.evidence[key] = merge_evidence(self.evidence[key], evidence) if key in self.evidence else evidence

    def add_provenance(self, provenance: Mapping[str, dict[str, str]]) -> None:
        """Add where models come from; the engine of a model stays known if nothing further was measured on it."""
        for name, new in provenance.items():
            engine = self.provenance.get(name, new)["engine"] if new["engine"] == "none" else new["engine"]
            self.provenance[name] = {**new, "engine": engine}

    @cached_property
    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that measure."""
        return library_versions("pytest")

    def record(self) -> Run:
        """Return the run so far."""
        options = self.options
        settings = settings_text(
            engine=options.engine,
            device=options.device,
            dtype=options.dtype,
            count=options.count,
            seed=options.seed,
            unchanged="as in each file",
        )
        reference = {} if options.reference_model is None else {"base": options.reference_model}
        familywise = {FAMILYWISE: "Holm's method over all checks"} if options.familywise else {}
        return run_record(
            shlex.join(["pytest", *sys.argv[1:]]),
            self.began,
            self.versions,
            {**settings, **reference, **familywise},
            self.provenance,
            results=self.results,
            evidence=sorted(self.evidence.values(), key=self._evidence_order()),
            selected=len(self.selected) or None,
            mutants=self.mutants.results,
            omitted=self.omitted.sentences,
            lints=self.lints.all,
            guards=self.guards,
        )

    def _evidence_order(self) -> Callable[[Evidence], int]:
        """Return a sort key: the index of the first result of a behaviour and model, as workers finish in any order."""
        first: dict[tuple[str, str], int] = {}
        for place, result in enumerate(self.results):
            first.setdefault((result.behaviour, result.model), place)
        return lambda evidence: first.get((evidence.behaviour, evidence.model), len(self.results))

    def to_wire(self) -> dict[str, Any]:
        """Return the results of this process for the controller of `pytest -n`."""
        evidence: list[Any] = []
        with self.omitted.suppressing("the evidence of a worker"):
            evidence = as_data(list(self.evidence.values()))
        return {
            "results": as_data(self.results),
            "evidence": evidence,
            "provenance": self.provenance,
            "guards": as_data(self.guards),
            "cache_counts": self.cache_counts,
            "result_counts": self.result_counts,
            "mutants": self.mutants.to_wire(),
            "lints": self.lints.to_wire(),
            "selected": self.selected,
            "omitted": self.omitted.sentences,
            "traces": self.traces.reports,
        }

    def from_wire(self, data: dict[str, Any]) -> None:
        """Add the results of a worker."""
        self.results += [record_from_data(CheckResult, result) for result in data["results"]]
        for sentence in data["omitted"]:
            self.omitted.add_sentence(sentence)
        self.traces.reports += data["traces"]
        for evidence in data["evidence"]:
            with self.omitted.suppressing("the evidence of a worker"):
                self.add_evidence(record_from_data(Evidence, evidence))
        self.provenance.update(data["provenance"])
        self.guards.update({name: record_from_data(ModelGuards, guards) for name, guards in data["guards"].items()})
        for name, count in data["cache_counts"].items():
            self.cache_counts[name] += count
        for name, count in data["result_counts"].items():
            self.result_counts[name] += count
        self.selected = data["selected"]  # the same in each worker
        self.sort()
        self.mutants.from_wire(data["mutants"])
        self.lints.from_wire(data["lints"])

    def take_journal(self) -> None:
        """Add the results that crashed workers wrote to their journals, unless they are known already."""
        from mi_checks.results.read_run import read_run

        run = read_run(self.options.run_file.with_name(self.options.run_file.name + JOURNAL_SUFFIX))
        known = {result.node_id for result in self.results}
        self.results += [result for result in run.results if result.node_id not in known]
        for evidence in run.evidence:
            self.evidence.setdefault((evidence.behaviour, evidence.model), evidence)
        self.provenance = {**run.models, **self.provenance}
        self.guards = {**run.guards, **self.guards}
        self.sort()

    def sort(self) -> None:
        """Sort the results in the order of their files, in which their checks were collected.

        Some are measured before others, and workers finish in any order.
        """
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order.get(result.node_id, len(order)))
