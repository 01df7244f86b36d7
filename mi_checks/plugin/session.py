"""One pytest run: its settings, what it has measured so far, its report and its last words.

Light to import: the suite (torch, TransformerLens) is built when the first check runs, never for `--collect-only`.
"""

from __future__ import annotations

import datetime
import gc
import importlib.metadata
import io
import json
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mi_checks import __version__
from mi_checks.errors import MiChecksError
from mi_checks.faults.omitted import Omitted, refuse_unstorable
from mi_checks.faults.traces import Traces
from mi_checks.faults.unexpected import (
    SaidBefore,
    Unexpected,
    how_to_see_where,
    is_outcome,
    passes_through,
    placed,
    tell_cause,
)
from mi_checks.models.names import resolve
from mi_checks.models.sources.source import NotFetched
from mi_checks.output.guard_sentences import refusal_lines
from mi_checks.output.verdict_table import matrix_lines
from mi_checks.plugin import lint_tally
from mi_checks.plugin.baseline_files import Baselines
from mi_checks.plugin.ci_output import Told
from mi_checks.plugin.history_record import Keeping
from mi_checks.plugin.lint_tally import LintTally, message_of, outcome_of, reason_of
from mi_checks.plugin.lock_files import Locks
from mi_checks.plugin.mutant_tally import Tally
from mi_checks.plugin.options import Options
from mi_checks.prompts.rejection import TooFewPrompts
from mi_checks.results.as_data import as_data
from mi_checks.results.journal import SUFFIX, Journal, forget, parts
from mi_checks.results.merge import joined
from mi_checks.results.rerun import rerun_command
from mi_checks.results.run import (
    BASELINE,
    CheckResult,
    Evidence,
    Lint,
    ModelGuards,
    MutantsResult,
    Run,
    evidence_from_dict,
    guards_from_dict,
    result_from_dict,
)
from mi_checks.spec.additions import Additions
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour, shown_path
from mi_checks.spec.problems import Problem, SpecError
from mi_checks.spec.yaml_source import Position
from mi_checks.stats.estimate import Outcome
from mi_checks.suite.conftests import additions
from mi_checks.suite.loading import Names, load_file
from mi_checks.suite.selection import checks_on
from mi_checks.suite.threads import one_thread

if TYPE_CHECKING:
    import pluggy

    from mi_checks.suite.against_base import BaseSuite
    from mi_checks.suite.against_mutants import MutantSuite
    from mi_checks.suite.suite import Suite

GARBAGE = (50_000, 20, 20)  # objects, and collections of each generation, before the next is collected
PATIENCE = 3.0  # seconds a sweep may take before it shows a bar
BASE = "base"  # of the item, as in `baselines.base_message`, which imports scipy
MAX_LINES = 5  # of what was left out, in the terminal


class Session:
    """What pytest's hooks call."""

    def __init__(self, root: Path, options: Options, terminal: io.TextIOBase | None) -> None:
        self.root = root
        self.options = options
        self.terminal = terminal  # where progress is shown; None: nowhere
        self.locks = Locks(root, update=options.update)
        versions = {name: version for name, version in self.versions.items() if name != "pytest"}
        self.baselines = Baselines(root, options.baselines, versions)
        self.history = Keeping(options.history, root)
        self.ci = Told(root, options.ci)
        self.written: list[str] = []  # report and run, where they were put
        self.unwritten: list[str] = []  # or why they could not be
        self.omitted = Omitted()  # what else could not be added to the record
        self.traces = Traces()
        if options.debug:
            self.traces.start()
        self.reuse = {"asked": 0, "recalled": 0}
        self.mutants = Tally()
        self.journal = Journal(options.kept_run, options.worker)
        self.began = time.time()
        self.results: list[CheckResult] = []
        self._ran: dict[tuple[str, str], dict[str, CheckResult]] = {}  # behaviour, model → check → its result
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.lints = LintTally()
        self.provenance: dict[str, dict[str, str]] = {}
        self.guards: dict[str, ModelGuards] = {}
        self.selected: list[str] = []  # ids of what pytest meant to run, in order; more than the results if cut short
        self._names = Names(root)
        self._paths: dict[Path, Path] = {}  # a file, links followed → the path that it is collected under
        self._added: dict[Path, Additions] = {}  # folder → what its conftest.py and those above add

    def is_first_path_of(self, path: Path, *, named: bool) -> bool:
        """Return whether a file is collected under this path, and not yet under another one that links to it.

        Args:
            path: the file.
            named: whether the user named this path, and so expects it to be collected.

        Raises:
            SpecError: it is collected under another path already, and this one is named; or it is a template.
        """
        shown = shown_path(path, self.root)
        if path.name.startswith("_"):
            message = "a template, by the '_' before its name: it may be incomplete, and is never collected; run a file"
            raise SpecError([Problem(shown, 1, 1, f"{message} that extends it, or rename it")])
        first = self._paths.setdefault(path.resolve(), path)
        if first != path and named:
            message = f"this is {shown_path(first, self.root)}, which is collected already; name one of the two paths"
            raise SpecError([Problem(shown, 1, 1, message)])
        return first == path

    def load(self, path: Path, hooks: pluggy.HookRelay, config: pytest.Config) -> tuple[LoadedBehaviour, ...]:
        """The behaviours in a file: one, or one for each of its cases.

        Raises:
            SpecError: every mistake in the file, or in the lock file beside it.
            MiChecksError: another file has a behaviour of that name, or what a conftest.py gives is no pool or score.
        """
        if path.parent not in self._added:
            self._added[path.parent] = additions(hooks, config, self.root)
        found = load_file(path, self.root, self._added[path.parent])
        if any(loaded.behaviour.roles for loaded in found):
            self.locks.require(path.parent)
        self.baselines.collected(found)
        self._names.take(found)
        return found

    def models_for(self, loaded: LoadedBehaviour) -> tuple[str, ...]:
        """The models to run a behaviour on."""
        return self.options.models or tuple(loaded.behaviour.models)

    def has_baseline(
        self, loaded: LoadedBehaviour, model: str, checks: Sequence[tuple[Check | None, Position]]
    ) -> bool:
        """Whether there is one to compare a behaviour on a model with; of roles there is none."""
        if self.options.base is not None:  # the model is judged against another one, in place of its own past
            return False
        ids = [_id(check) for check, _ in checks if _kind(check) != "role"]
        claims = resolve(model).claims
        return self.baselines.wanted(loaded, claims, ids, "" if model == claims else model)

    def has_base(self, loaded: LoadedBehaviour) -> bool:
        """Whether models are judged against another one, of which a behaviour makes a claim."""
        return self.options.base is not None and resolve(self.options.base).claims in loaded.behaviour.models

    @cached_property
    def suite(self) -> Suite:
        """The measuring side, imported only now."""
        one_thread()
        from mi_checks.cache.store import Store
        from mi_checks.suite.suite import Settings, Suite

        # What was imported stays, half a million objects that each collection of garbage would walk through; and what a
        # run makes is seldom garbage. Together a sixth of a run that recalls everything.
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        asked = self.options
        settings = Settings(
            asked.count, asked.seed, asked.device, asked.dtype, asked.engine, asked.memory, asked.update
        )
        return Suite(settings, self._progress, None if asked.kept is None else Store(asked.kept))

    @cached_property
    def mutant_suite(self) -> MutantSuite:
        """What measures mutants, likewise."""
        from mi_checks.suite.against_mutants import MutantSuite

        return MutantSuite(self.suite)

    @cached_property
    def base_suite(self) -> BaseSuite:
        """What judges models against another one, likewise."""
        from mi_checks.suite.against_base import BaseSuite

        base, other = str(self.options.base), bool(self.baselines.asked.other)
        return BaseSuite(self.suite, base, self.root, self.versions, other=other)

    def run(
        self, loaded: LoadedBehaviour, model: str, check: Check | None, node_id: str, place: Position
    ) -> CheckResult:
        """Measure, judge and remember one check."""
        return self._remember(self._measured(loaded, model, check, node_id, place))

    def _remember(self, result: CheckResult) -> CheckResult:
        self.results.append(result)
        self._ran.setdefault((result.behaviour, result.model), {})[result.check] = result
        self._write_journal()
        return result

    def _write_journal(self) -> None:
        """Add what is new, if it is time to."""
        with self.omitted.unless("the journal of this run"):
            if self.journal.due:
                self._take_provenance()
                self.journal.add(self.record())

    def compare(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Compare a behaviour on a model with its baseline; what this run left out is measured for it."""
        compared = partial(self._compared, loaded, model, node_id, place)
        return self._remember(self._or_error(compared, loaded, model, (BASELINE, BASELINE), node_id, place))

    def _compared(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        claims, name = resolve(model).claims, loaded.behaviour.name
        results = {} if self.baselines.asked.other else self._all_results(loaded, model, node_id)
        evidence = None
        if results and not any(result.outcome in ("error", "skipped") for result in results.values()):
            evidence = self.suite.evidence(loaded, model)
        provenance = self.suite.provenance().get(claims) if results else None
        found = self.baselines.judge(loaded, claims, results, evidence, provenance)
        location, message = f"{place.file}:{place.line}", found.message
        if found.outcome in ("fail", "error"):
            message += f"{self._unsaid(results)}\n  claimed   {location}\n  re-run    {self._rerun(node_id, model)}"
        return CheckResult(
            behaviour=name, model=claims, check=BASELINE, kind=BASELINE, node_id=node_id,
            claim="every effect is as recorded, within what its prompts can tell",
            outcome=found.outcome, estimate=None, bound="", at_least=None, at_most=None,
            message=message, location=location,
            reason=found.reason, nodes_lost=found.lost, nodes_gained=found.gained,
        )  # fmt: skip

    def judge(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Judge a behaviour on a model against the base; what this run left out is measured for it."""
        judged = partial(self._judged, loaded, model, node_id, place)
        return self._remember(self._or_error(judged, loaded, model, (BASE, BASE), node_id, place))

    def _judged(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        results = self._all_results(loaded, model, node_id)
        location, rerun = f"{place.file}:{place.line}", self._rerun(node_id, model)
        result = self.base_suite.judge(loaded, model, results, node_id=node_id, location=location, rerun=rerun)
        refuse_unstorable("the judgement", (result.estimate, result.per_prompt))
        return replace(result, message=f"{result.message}{self._unsaid(results)}") if result.message else result

    def _unsaid(self, results: Mapping[str, CheckResult]) -> str:
        """Why a check could not be measured, where no item of its own has said so; as the end of a message."""
        said = {id(result) for result in self.results}
        errors = [each for each in results.values() if each.outcome == "error" and id(each) not in said]
        return f"\n  because   {errors[0].message.partition(chr(10))[0]}" if errors else ""

    def lint(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Look for reasons to doubt a behaviour on a model; what this run left out is measured for it."""
        found = partial(self._linted, loaded, model, node_id, place)
        return self._remember(self._or_error(found, loaded, model, (lint_tally.ID, lint_tally.ID), node_id, place))

    def _linted(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        results = self._all_results(loaded, model, node_id)
        unmeasured = next((each for each in results.values() if each.outcome in ("error", "skipped")), None)
        found = self._lint(loaded, model, results) if unmeasured is None else ()
        location, name = f"{place.file}:{place.line}", loaded.behaviour.name
        message, outcome = message_of(found, unmeasured, name), outcome_of(found, unmeasured)
        if outcome == "fail":
            message += f"\n  claimed   {location}\n  re-run    {self._rerun(node_id, model)}"
        return CheckResult(
            behaviour=name, model=resolve(model).claims, check=lint_tally.ID, kind=lint_tally.ID, node_id=node_id,
            claim=lint_tally.CLAIM, outcome=outcome, estimate=None, bound="", at_least=None, at_most=None,
            message=message, location=location, reason=reason_of(found),
        )  # fmt: skip

    def _lint(self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
        key = (loaded.behaviour.name, resolve(model).claims)
        return self.lints.once(key, lambda: self.suite.lints(loaded, model, results))

    def _all_results(self, loaded: LoadedBehaviour, model: str, node_id: str) -> dict[str, CheckResult]:
        """Of every check but roles, by id: those that ran, and the others measured now."""
        ran = self._ran.get((loaded.behaviour.name, resolve(model).claims), {})
        return {
            _id(check): ran.get(_id(check)) or self._measured(loaded, model, check, node_id, where)
            for check, where in checks_on(loaded, model)
            if _kind(check) != "role"
        }

    def _measured(
        self, loaded: LoadedBehaviour, model: str, check: Check | None, node_id: str, place: Position
    ) -> CheckResult:
        """Measure and judge one check."""
        location, rerun = f"{place.file}:{place.line}", self._rerun(node_id, model)

        def measured() -> CheckResult:
            return self.suite.check(loaded, model, check, node_id=node_id, location=location, rerun=rerun)

        return self._or_error(measured, loaded, model, (_id(check), _kind(check)), node_id, place)

    def _or_error(
        self,
        measure: Callable[[], CheckResult],
        loaded: LoadedBehaviour,
        model: str,
        check: tuple[str, str],
        node_id: str,
        place: Position,
    ) -> CheckResult:
        """What `measure` returns, or a result that says why it could not.

        Any error becomes a result of outcome `error`; or `skipped`, where too few prompts survive the tokenizer of a
        model that the behaviour does not name, or one that it names is not fetched yet.
        """
        location, claims, (name, kind) = f"{place.file}:{place.line}", _claims(model), check

        def unmeasured(message: str, outcome: Outcome = "error") -> CheckResult:
            return CheckResult(
                behaviour=loaded.behaviour.name, model=claims, check=name, kind=kind, node_id=node_id, claim="",
                outcome=outcome, estimate=None, bound="", at_least=None, at_most=None, message=message,
                location=location,
            )  # fmt: skip

        where = f"\n  claimed   {location}\n  re-run    {self._rerun(node_id, model)}"
        try:
            with placed(f"{location}: {name} on {model}"):
                return measure()
        except TooFewPrompts as error:
            if claims in loaded.behaviour.models:  # then it is its author's mistake
                return unmeasured(f"{error}{where}")
            return unmeasured(f"{_too_few(model, error)}{where}", "skipped")
        except NotFetched as error:  # never so for a model that was asked for: the run would not have begun
            return unmeasured(f"{error}{where}", "skipped")
        except SaidBefore as error:
            return unmeasured(f"{location}: {error}")
        except MiChecksError as error:
            tell_cause(error)
            placeless = isinstance(error, Unexpected) and not str(error).startswith(location)
            return unmeasured(f"{location}: {error}{where}" if placeless else f"{error}{where}")

    def run_mutants(
        self, loaded: LoadedBehaviour, model: str, check: Check | None, node_id: str, place: Position
    ) -> MutantsResult:
        """The same check on models in which its claim is false; skipped where it cannot be measured on the model."""
        location = f"{place.file}:{place.line}"
        rerun = f"{self._rerun(node_id, model)} --mi-mutants"
        name = _id(check)
        outcome: Outcome = "skipped"
        try:
            with placed(f"{location}: the mutants of {name} on {model}"):
                result = self.mutant_suite.check(loaded, model, check, node_id=node_id, location=location, rerun=rerun)
                refuse_unstorable("the check's result on a mutant", result.mutants)
        except MiChecksError as error:
            why = f"the check itself cannot be measured: {error}"
            if isinstance(error, Unexpected):
                outcome, why = "error", f"{error}\n  claimed   {location}\n  re-run    {rerun}"
            result = MutantsResult(loaded.behaviour.name, _claims(model), name, node_id, outcome, (), why, location)
        return self.mutants.add(result)

    def close(self, loaded: LoadedBehaviour, model: str) -> None:
        """A behaviour's items on a model are done: keep the evidence, free the activations."""
        if "suite" not in self.__dict__:
            return
        of = f"{loaded.behaviour.name} on {model}"
        if "mutant_suite" in self.__dict__:
            with self.omitted.unless(f"the cache of the mutants of {of}"):
                self.mutant_suite.close(loaded, model)
        self._take_evidence(loaded, model, of)
        self.locks.take(self.suite.bindings)
        with self.omitted.unless(f"the provenance of {model}"):
            self._take_provenance()
        self._write_journal()

    def _take_evidence(self, loaded: LoadedBehaviour, model: str, of: str) -> None:
        with self.omitted.unless(f"the warnings of {of}"):
            self._lint(loaded, model, self._ran.get((loaded.behaviour.name, resolve(model).claims), {}))
        try:
            evidence = self.suite.close(loaded, model, drawn=True)
            if evidence is not None:
                self._keep(evidence)
        except BaseException as error:
            if passes_through(error) and not is_outcome(error):
                raise
            ran = self._ran.get((loaded.behaviour.name, _claims(model)), {})
            if any(result.outcome not in ("error", "skipped") for result in ran.values()):  # else each has said why
                self.omitted.add(f"the evidence of {of}", error)

    def _take_provenance(self) -> None:
        """Note where models come from, and how much was recalled."""
        if "suite" in self.__dict__:
            self.provenance.update(self.suite.provenance())
            self.guards.update(self.suite.guards())
            self.reuse = asdict(self.suite.reuse)
        if "base_suite" in self.__dict__:
            self.provenance.update(self.base_suite.provenance())
            self.reuse = asdict(self.suite.reuse.plus(self.base_suite.reuse))

    def _keep(self, evidence: Evidence) -> None:
        key = (evidence.behaviour, evidence.model)
        self.evidence[key] = joined(self.evidence[key], evidence) if key in self.evidence else evidence

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of what measures."""
        found = {"mi-checks": __version__, "python": platform.python_version()}
        for name in ("torch", "transformer_lens", "pytest", "numpy"):
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:  # as in a copy of its sources
                found[name] = "unknown"
        return found

    def record(self) -> Run:
        """The run so far."""
        ran = str(len(self.results)) + (f" of {len(self.selected)}" if self.selected else "")
        started = datetime.datetime.fromtimestamp(self.began, datetime.UTC)
        return Run(
            command=shlex.join(["pytest", *sys.argv[1:]]),
            started=started.isoformat(timespec="seconds"),
            seconds=time.time() - self.began,
            versions=self.versions,
            settings={
                "engine": self.options.engine,
                "checks run": ran,
                "count": "as in each file" if self.options.count is None else str(self.options.count),
                "seed": "as in each file" if self.options.seed is None else str(self.options.seed),
                "device": self.options.device,
                "dtype": self.options.dtype,
                **({} if self.options.base is None else {"base": self.options.base}),
            },
            models=self.provenance,
            guards=self.guards,
            results=tuple(self.results),
            evidence=tuple(sorted(self.evidence.values(), key=self._place_of_evidence())),
            mutants=tuple(self.mutants.results),
            omitted=self.omitted.sentences,
            lints=self.lints.all,
        )

    def _place_of_evidence(self) -> Callable[[Evidence], int]:
        """Where the first check of its behaviour and model ran: workers finish in any order."""
        first: dict[tuple[str, str], int] = {}
        for place, result in enumerate(self.results):
            first.setdefault((result.behaviour, result.model), place)
        return lambda evidence: first.get((evidence.behaviour, evidence.model), len(self.results))

    def finish(self, *, crashed: bool = False) -> None:
        """Write the run and all that is made of it; what could not be written is in `unwritten`.

        Args:
            crashed: whether a worker of `pytest -n` did, so that its results are in its journal alone.
        """
        self._wrote("writing what was measured", partial(self._finish, crashed=crashed))

    def _finish(self, *, crashed: bool) -> None:
        """Write the run and, if anything ran, all that is made of it; keep what is kept within its limit.

        Each is written whatever happens to the others, and the run first: it holds all results. What is asked of a run
        and cannot be written is in `unwritten`, and what cannot be drawn of it is left out.
        """
        if crashed and parts(self.options.kept_run):
            with self.omitted.unless("the journal of a worker that crashed"):
                self._take_journal()
        run = self.record()
        report, kept = (_relative(path, self.root) for path in (self.options.report.page, self.options.kept_run))
        if self.results and self._wrote(f"writing the run to {kept}", partial(self._write_run, run)):
            self.written.append(f"run: {kept}")
            with self.omitted.unless("the removal of the journal"):
                forget(self.options.kept_run)
        self._wrote("writing the lock files of roles", self.locks.write)
        finish = partial(self.baselines.finish, self.results, self.evidence, self.provenance)
        self._wrote("writing baselines", finish)
        if self.results:
            with self.omitted.unless(f"the report {report}"):
                self._write_report(run, report, kept)
            with self.omitted.unless(f"the entry of this run, which is in {kept}, in the history"):
                self.history.add(run, self.options.kept_run)
        with self.omitted.unless("the summary for CI"):
            self.ci.write(run, self._left())
        if self.reuse["asked"] and self.options.kept is not None:
            from mi_checks.cache.store import Store

            with self.omitted.unless("the pruning of the cache"):
                Store(self.options.kept).prune()

    def _wrote(self, doing: str, write: Callable[[], None]) -> bool:
        """Whether what was asked for could be written; why not is in `unwritten`."""
        try:
            with placed(doing):
                write()
        except MiChecksError as error:
            tell_cause(error)
            self.unwritten.append(str(error))
            return False
        return True

    def _write_run(self, run: Run) -> None:
        from mi_checks.results.write_run import write_run

        write_run(run, self.options.kept_run)

    def _write_report(self, run: Run, report: str, kept: str) -> None:
        """Write it, without what cannot be drawn.

        Raises:
            Exception: nothing of it can be drawn.
        """
        from mi_checks.report.report_folder import write_report

        try:
            for sentence in write_report(run, self.options.report, kept):
                self.omitted.say(sentence)
        except MiChecksError as error:
            tell_cause(error)
            self.unwritten.append(str(error))
        else:
            self.written.insert(0, f"report: {report}")

    def _take_journal(self) -> None:
        """Take over what workers that crashed had measured and written, if nobody else has measured it."""
        from mi_checks.results.read_run import read_run

        run = read_run(self.options.kept_run.with_name(self.options.kept_run.name + SUFFIX))
        known = {result.node_id for result in self.results}
        self.results += [result for result in run.results if result.node_id not in known]
        for evidence in run.evidence:
            self.evidence.setdefault((evidence.behaviour, evidence.model), evidence)
        self.provenance = {**run.models, **self.provenance}
        self.guards = {**run.guards, **self.guards}
        self._sort()

    def _sort(self) -> None:
        """Put results in the order in which their checks were collected: workers finish in any order."""
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order.get(result.node_id, len(order)))

    @property
    def failed(self) -> bool:
        """Whether a file could not be written."""
        return bool(self._left() or self.ci.failed)

    def _left(self) -> list[str]:
        history = [self.history.failed] if self.history.failed else []
        return [*self.locks.failed, *self.baselines.failed, *self.unwritten, *history]

    def failure_lines(self, width: int) -> list[str]:
        """What failed, by behaviour and model, each group under its cause; empty where nothing did."""
        from mi_checks.output.failure_lines import group_lines

        return group_lines(self.results, self.evidence, _relative(self.options.report.page, self.root), width)

    def rerun(self, node_id: str, model: str) -> str:
        """The command for one item, with whatever on this run's command line decides its outcome."""
        return self._rerun(node_id, model)

    def summary(self) -> list[str]:
        """The last lines of the terminal: behaviours × models, and where the report is."""
        ran: tuple[tuple[str, Callable[[], Sequence[str]]], ...] = (
            ("the table of behaviours and models", lambda: matrix_lines(self.results)),
            ("the list of warnings", lambda: () if self.options.strict else self.lints.lines()),
            ("the list of verdicts against the base", self._verdicts),
            ("the count of checks that ran", self._cut_short),
            ("the list of engines", self._engines),
            ("the list of what models refuse", self._refusals),
            ("the count of measurements reused", self._reused),
            ("the summary of roles", self.locks.summary),
            ("the summary of baselines", self.baselines.summary),
            ("the summary of mutants", self.mutants.lines),
            ("the list of files", lambda: (*self.written, *self.unwritten, *self.history.summary())),
        )
        parts = ran if self.results else (("the summary", lambda: (*self.mutants.lines(), *self.baselines.summary())),)
        lines: list[str] = []
        for what, make in parts:
            lines += self.omitted.attempt(what, make, ())
        return [*lines, *self._left_out()]

    def told(self) -> list[str]:
        """What CI is told after them, and the tracebacks of errors if they are asked for."""
        before = len(self.omitted.sentences)
        what = "the list of annotations for CI"
        lines = self.omitted.attempt(what, lambda: self.ci.lines(self.record(), self._left()), ())
        return [*lines, *self.omitted.sentences[before:], *self.traces.lines()]

    def stop(self) -> None:
        """End what outlives a session."""
        self.traces.stop()

    def _refusals(self) -> list[str]:
        """What cannot be measured on some models, by the guards that failed when they were loaded."""
        return [f"{model}: {line}" for model, guards in self.guards.items() for line in refusal_lines(guards)]

    def _cut_short(self) -> list[str]:
        if len(self.results) >= len(self.selected):
            return []
        return [f"cut short: {len(self.results)} of {len(self.selected)} checks ran"]

    def _left_out(self) -> list[str]:
        """What could not be measured for the report, or added to it; no outcome depends on it."""
        of_evidence = (
            f"{each.behaviour} on {each.model}: {sentence}"
            for each in self.evidence.values()
            for sentence in each.omitted
        )
        found = [*of_evidence, *self.omitted.sentences]
        lines = [f"note: {line}" for line in found[:MAX_LINES]]
        more = [f"note: {len(found) - MAX_LINES} more parts of the report were left out"] * (len(found) > MAX_LINES)
        return [*lines, *more, *([f"note: no outcome depends on this; {how_to_see_where()}"] if found else [])]

    def _verdicts(self) -> list[str]:
        """What the models are to their base."""
        base = self.options.base
        if base is None:
            return []
        from mi_checks.compare.base_message import verdict_lines  # numpy and scipy, which collecting does without

        none = [f"against {base}: nothing was judged: no behaviour that ran makes a claim of {resolve(base).claims}"]
        return verdict_lines(self.results, base) or none

    def _engines(self) -> list[str]:
        """Which engine measured; by `auto` a model is left to the reference only if replay does not reproduce it."""
        left = sorted(name for name, model in self.provenance.items() if model["engine"] == "reference")
        used = {model["engine"] for model in self.provenance.values()} - {"none"}
        if self.options.engine == "auto" and left:
            others = "replay, but " if "replay" in used else ""
            return [f"engine: {others}reference for {', '.join(left)}, whose logits replay does not reproduce"]
        return [f"engine: {', '.join(sorted(used))}"] if used else []

    def _reused(self) -> list[str]:
        if not self.reuse["asked"]:
            return []
        return [f"cache: {self.reuse['recalled']} of {self.reuse['asked']} measurements reused"]

    def to_wire(self) -> str:
        """Everything measured here, for the controller of `pytest -n`."""
        evidence: list[Any] = []
        with self.omitted.unless("the evidence of a worker"):
            evidence = as_data(list(self.evidence.values()))
        return json.dumps(
            {
                "results": as_data(self.results),
                "evidence": evidence,
                "provenance": self.provenance,
                "guards": as_data(self.guards),
                "reuse": self.reuse,
                "roles": self.locks.to_wire(),
                "baselines": self.baselines.to_wire(),
                "ci": self.ci.to_wire(),
                "mutants": self.mutants.to_wire(),
                "lints": self.lints.to_wire(),
                "selected": self.selected,
                "omitted": self.omitted.sentences,
                "traces": self.traces.found,
            }
        )

    def from_wire(self, wire: str) -> None:
        """Take over what a worker measured."""
        data = json.loads(wire)
        self.results += [result_from_dict(result) for result in data["results"]]
        for sentence in data["omitted"]:
            self.omitted.say(sentence)
        self.traces.found += data["traces"]
        for evidence in data["evidence"]:
            with self.omitted.unless("the evidence of a worker"):
                self._keep(evidence_from_dict(evidence))
        self.provenance.update(data["provenance"])
        self.guards.update({name: guards_from_dict(guards) for name, guards in data["guards"].items()})
        for name, count in data["reuse"].items():
            self.reuse[name] += count
        self.locks.from_wire(data["roles"])
        self.baselines.from_wire(data["baselines"])
        self.ci.from_wire(data["ci"])
        self.selected = data["selected"]  # each worker collects all
        self._sort()
        self.mutants.from_wire(data["mutants"])
        self.lints.from_wire(data["lints"])

    def _rerun(self, node_id: str, model: str) -> str:
        """The command for one item, with whatever on this run's command line decides its outcome."""
        asked = self.options
        given = {
            "--mi-model": model if asked.models else None,
            "--mi-base": asked.base,
            "--mi-count": asked.count,
            "--mi-seed": asked.seed,
        }
        options = list(asked.pytest_options)
        options += [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        options += ["--mi-dtype", asked.dtype] if asked.dtype != "float32" else []
        options += ["--mi-device", asked.device] if asked.device != "auto" else []
        options += ["--mi-engine", asked.engine] if asked.engine != "auto" else []
        options += ["--mi-strict"] if node_id.endswith(f"::{lint_tally.ID}") else []
        return rerun_command(node_id, self.root, asked.started_in, options)

    def _progress(self, items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        if self.terminal is None:
            return items
        from tqdm import tqdm

        return tqdm(items, total=total, desc=title, delay=PATIENCE, leave=False, file=self.terminal)


def _id(check: Check | None) -> str:
    return "absent" if check is None else check.id


def _kind(check: Check | None) -> str:
    return "absent" if check is None else check.kind


def _claims(model: str) -> str:
    """The name whose claims a model runs under, even where the model itself is no longer there."""
    try:
        return resolve(model).claims
    except Exception:
        return model.partition("=")[0]


def _too_few(model: str, error: TooFewPrompts) -> str:
    fewer = f"; --mi-count {error.found} runs on these" if error.found > 1 else ""
    found = f"{error.found} of the {error.asked} prompt pairs asked for survive the tokenizer of {model}{fewer}"
    return f"{found}\n{error}"


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
