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
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mi_checks import __version__, lint_tally
from mi_checks.baselines.updates import ID, Baselines
from mi_checks.ci.told import Told
from mi_checks.claims import checks_on
from mi_checks.errors import MiChecksError
from mi_checks.history.keeping import Keeping
from mi_checks.joined_evidence import joined
from mi_checks.lint_tally import LintTally, message_of, outcome_of, reason_of
from mi_checks.models.names import is_known, known_names, resolve
from mi_checks.models.sources.source import NotFetched
from mi_checks.mutants.tally import Tally
from mi_checks.options import Options
from mi_checks.prompts.rejection import TooFewPrompts
from mi_checks.prompts.user_pools import user_pools
from mi_checks.prompts.user_scores import user_scores
from mi_checks.record import (
    CheckResult,
    Evidence,
    Lint,
    MutantsResult,
    Outcome,
    Run,
    evidence_from_dict,
    result_from_dict,
)
from mi_checks.roles.updates import Locks
from mi_checks.runs.as_data import as_data
from mi_checks.runs.journal import Journal, forget
from mi_checks.spec.additions import Additions
from mi_checks.spec.check import Check
from mi_checks.spec.load import LoadedBehaviour, load_behaviours
from mi_checks.spec.problems import Problem, SpecError
from mi_checks.spec.roles import ROLE_SCORES
from mi_checks.spec.shapes import check_models, check_shapes
from mi_checks.spec.yaml_source import Position
from mi_checks.table import matrix_lines
from mi_checks.threads import one_thread

if TYPE_CHECKING:
    import pluggy

    from mi_checks.base_suite import BaseSuite
    from mi_checks.mutant_suite import MutantSuite
    from mi_checks.suite import Suite

GARBAGE = (50_000, 20, 20)  # objects, and collections of each generation, before the next is collected
PATIENCE = 3.0  # seconds a sweep may take before it shows a bar


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
        self.reuse = {"asked": 0, "recalled": 0}
        self.mutants = Tally()
        self.journal = Journal(options.kept_run, options.worker)
        self.began = time.time()
        self.results: list[CheckResult] = []
        self._ran: dict[tuple[str, str], dict[str, CheckResult]] = {}  # behaviour, model → check → its result
        self.evidence: dict[tuple[str, str], Evidence] = {}
        self.lints = LintTally()
        self.provenance: dict[str, dict[str, str]] = {}
        self.selected: list[str] = []  # ids of what pytest meant to run, in order; more than the results if cut short
        self._names: dict[str, Path] = {}
        self._added: dict[Path, Additions] = {}  # folder → what its conftest.py and those above add

    def load(self, path: Path, hooks: pluggy.HookRelay, config: pytest.Config) -> tuple[LoadedBehaviour, ...]:
        """The behaviours in a file: one, or one for each of its cases.

        Raises:
            SpecError: every mistake in the file, or in the lock file beside it.
            MiChecksError: another file has a behaviour of that name, or what a conftest.py gives is no pool or score.
        """
        if path.parent not in self._added:
            pools, scores, roles = hooks.pytest_mi_pools, hooks.pytest_mi_scores, hooks.pytest_mi_role_scores
            self._added[path.parent] = Additions(
                user_pools(pools(config=config), self._files(pools)),
                user_scores(scores(config=config), self._files(scores)),
                user_scores(roles(config=config), self._files(roles), "pytest_mi_role_scores", ROLE_SCORES),
            )
        found = load_behaviours(path, self.root, self._added[path.parent])
        if any(loaded.behaviour.roles for loaded in found):
            self.locks.require(path.parent)
        problems: list[Problem] = []
        for loaded in found:
            named = [name for name in loaded.behaviour.models if is_known(name)]
            shapes = {name: shape for name in named if (shape := resolve(name).shape) is not None}
            known = dict.fromkeys((*known_names(), *named))
            problems += (*check_models(loaded, known), *check_shapes(loaded, shapes))
        if problems:
            raise SpecError(problems)
        self.baselines.collected(found)
        name = found[0].source.data["name"]  # of the file: that of a case has the case's in brackets
        other = self._names.setdefault(name, path)
        if other != path:
            defined = (
                f"behaviour {name!r} is already defined in {_relative(other, self.root)}; give one of them another name"
            )
            raise SpecError([Problem(_relative(path, self.root), found[0].line_of(("name",)), 1, defined)])
        return found

    def _files(self, hook: pluggy.HookCaller) -> str:
        """The files that implement a hook."""
        return ", ".join(sorted(_relative(Path(impl.plugin_name), self.root) for impl in hook.get_hookimpls()))

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
        from mi_checks.recall.store import Store
        from mi_checks.suite import Settings, Suite

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
        from mi_checks.mutant_suite import MutantSuite

        return MutantSuite(self.suite)

    @cached_property
    def base_suite(self) -> BaseSuite:
        """What judges models against another one, likewise."""
        from mi_checks.base_suite import BaseSuite

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
        return result

    def compare(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Compare a behaviour on a model with its baseline; what this run left out is measured for it."""
        claims, name = resolve(model).claims, loaded.behaviour.name
        results = {} if self.baselines.asked.other else self._all_results(loaded, model, node_id)
        evidence = None
        if results and not any(result.outcome in ("error", "skipped") for result in results.values()):
            evidence = self.suite.evidence(loaded, model)
        provenance = self.suite.provenance().get(claims) if results else None
        found = self.baselines.judge(loaded, claims, results, evidence, provenance)
        location, message = f"{place.file}:{place.line}", found.message
        if found.outcome in ("fail", "error"):
            message += f"\n  claimed   {location}\n  re-run    {self._rerun(node_id, model)}"
        result = CheckResult(
            behaviour=name, model=claims, check=ID, kind=ID, node_id=node_id,
            claim="every effect is as recorded, within what its prompts can tell",
            outcome=found.outcome, estimate=None, bound="", at_least=None, at_most=None,
            message=message, location=location,
            reason=found.reason, nodes_lost=found.lost, nodes_gained=found.gained,
        )  # fmt: skip
        return self._remember(result)

    def judge(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Judge a behaviour on a model against the base; what this run left out is measured for it."""
        results = self._all_results(loaded, model, node_id)
        location, rerun = f"{place.file}:{place.line}", self._rerun(node_id, model)
        result = self.base_suite.judge(loaded, model, results, node_id=node_id, location=location, rerun=rerun)
        return self._remember(result)

    def lint(self, loaded: LoadedBehaviour, model: str, node_id: str, place: Position) -> CheckResult:
        """Look for reasons to doubt a behaviour on a model; what this run left out is measured for it."""
        results = self._all_results(loaded, model, node_id)
        unmeasured = next((each for each in results.values() if each.outcome in ("error", "skipped")), None)
        found = self._lint(loaded, model, results) if unmeasured is None else ()
        location, name = f"{place.file}:{place.line}", loaded.behaviour.name
        message, outcome = message_of(found, unmeasured, name), outcome_of(found, unmeasured)
        if outcome == "fail":
            message += f"\n  claimed   {location}\n  re-run    {self._rerun(node_id, model)}"
        result = CheckResult(
            behaviour=name, model=resolve(model).claims, check=lint_tally.ID, kind=lint_tally.ID, node_id=node_id,
            claim=lint_tally.CLAIM, outcome=outcome, estimate=None, bound="", at_least=None, at_most=None,
            message=message, location=location, reason=reason_of(found),
        )  # fmt: skip
        return self._remember(result)

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
        """Measure and judge one check.

        A `MiChecksError` becomes a result of outcome `error`; or `skipped`, where too few prompts survive the tokenizer
        of a model that the behaviour does not name, or one that it names is not fetched yet.
        """
        location = f"{place.file}:{place.line}"
        rerun = self._rerun(node_id, model)

        def unmeasured(error: str, outcome: Outcome = "error") -> CheckResult:
            return CheckResult(
                behaviour=loaded.behaviour.name, model=resolve(model).claims,
                check=_id(check), kind=_kind(check),
                node_id=node_id, claim="", outcome=outcome, estimate=None, bound="", at_least=None, at_most=None,
                message=f"{error}\n  claimed   {location}\n  re-run    {rerun}",
                location=location,
            )  # fmt: skip

        try:
            result = self.suite.check(loaded, model, check, node_id=node_id, location=location, rerun=rerun)
        except TooFewPrompts as error:
            own = resolve(model).claims in loaded.behaviour.models  # then its author's mistake
            result = unmeasured(str(error)) if own else unmeasured(_too_few(model, error), "skipped")
        except NotFetched as error:  # never so for a model that was asked for: the run would not have begun
            result = unmeasured(str(error), "skipped")
        except MiChecksError as error:
            result = unmeasured(str(error))
        except Exception as error:  # a defect: pytest shows where, and the table must not look as if all had run
            self._remember(unmeasured(f"{type(error).__name__}: {error}"))
            raise
        return result

    def run_mutants(
        self, loaded: LoadedBehaviour, model: str, check: Check | None, node_id: str, place: Position
    ) -> MutantsResult:
        """The same check on models in which its claim is false; skipped where it cannot be measured on the model."""
        location = f"{place.file}:{place.line}"
        rerun = f"{self._rerun(node_id, model)} --mi-mutants"
        try:
            result = self.mutant_suite.check(loaded, model, check, node_id=node_id, location=location, rerun=rerun)
        except MiChecksError as error:
            name, claims = _id(check), resolve(model).claims
            why = f"the check itself cannot be measured: {error}"
            result = MutantsResult(loaded.behaviour.name, claims, name, node_id, "skipped", (), why, location)
        return self.mutants.add(result)

    def close(self, loaded: LoadedBehaviour, model: str) -> None:
        """A behaviour's items on a model are done: keep the evidence, free the activations."""
        if "suite" not in self.__dict__:
            return
        if "mutant_suite" in self.__dict__:
            self.mutant_suite.close(loaded, model)
        try:
            self._lint(loaded, model, self._ran.get((loaded.behaviour.name, resolve(model).claims), {}))
            evidence = self.suite.close(loaded, model, drawn=True)
        except MiChecksError:  # told already, by each check that met it
            evidence = None
        if evidence is not None:
            self._keep(evidence)
        self.provenance.update(self.suite.provenance())
        self.reuse = asdict(self.suite.reuse)
        if "base_suite" in self.__dict__:
            self.provenance.update(self.base_suite.provenance())
            self.reuse = asdict(self.suite.reuse.plus(self.base_suite.reuse))
        self.locks.take(self.suite.bindings)
        if self.journal.due:
            self.journal.add(self.record())

    def _keep(self, evidence: Evidence) -> None:
        key = (evidence.behaviour, evidence.model)
        self.evidence[key] = joined(self.evidence[key], evidence) if key in self.evidence else evidence

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of what measures."""
        packages = ("torch", "transformer_lens", "pytest", "numpy")
        found = {name: importlib.metadata.version(name) for name in packages}
        return {"mi-checks": __version__, "python": platform.python_version(), **found}

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
            results=tuple(self.results),
            evidence=tuple(sorted(self.evidence.values(), key=self._place_of_evidence())),
            mutants=tuple(self.mutants.results),
            lints=self.lints.all,
        )

    def _place_of_evidence(self) -> Callable[[Evidence], int]:
        """Where the first check of its behaviour and model ran: workers finish in any order."""
        first: dict[tuple[str, str], int] = {}
        for place, result in enumerate(self.results):
            first.setdefault((result.behaviour, result.model), place)
        return lambda evidence: first.get((evidence.behaviour, evidence.model), len(self.results))

    def finish(self) -> None:
        """Write lock files, baselines and, if anything ran, report and run; keep what is kept within its limit."""
        self.locks.write()
        self.baselines.finish(self.results, self.evidence, self.provenance)
        run = self.record()
        if self.results:
            from mi_checks.report.folder import write_report
            from mi_checks.runs.write import write_run

            report, kept = (_relative(path, self.root) for path in (self.options.report.page, self.options.kept_run))
            for told, put in (
                (f"report: {report}", partial(write_report, run, self.options.report, kept)),
                (f"run: {kept}", partial(write_run, run, self.options.kept_run)),
            ):
                try:
                    put()
                    self.written.append(told)
                except MiChecksError as error:
                    self.unwritten.append(str(error))
            if not self.unwritten:
                forget(self.options.kept_run)
            self.history.add(run, self.options.kept_run)
        self.ci.write(run, self._left())
        if self.reuse["asked"] and self.options.kept is not None:
            from mi_checks.recall.store import Store

            Store(self.options.kept).prune()

    @property
    def failed(self) -> bool:
        """Whether a file could not be written."""
        return bool(self._left() or self.ci.failed)

    def _left(self) -> list[str]:
        history = [self.history.failed] if self.history.failed else []
        return [*self.locks.failed, *self.baselines.failed, *self.unwritten, *history]

    def failure_lines(self, width: int) -> list[str]:
        """What failed, by behaviour and model, each group under its cause; empty where nothing did."""
        from mi_checks.failure_text import group_lines

        return group_lines(self.results, self.evidence, _relative(self.options.report.page, self.root), width)

    def rerun(self, node_id: str, model: str) -> str:
        """The command for one item, with whatever on this run's command line decides its outcome."""
        return self._rerun(node_id, model)

    def summary(self) -> list[str]:
        """The last lines of the terminal: behaviours × models, and where the report is."""
        if not self.results:
            return [*self.mutants.lines(), *self.baselines.summary()]
        cut_short = [f"cut short: {len(self.results)} of {len(self.selected)} checks ran"]
        return [
            *matrix_lines(self.results),
            *([] if self.options.strict else self.lints.lines()),
            *self._verdicts(),
            *(cut_short if len(self.results) < len(self.selected) else []),
            *self._engines(),
            *self._reused(),
            *self.locks.summary(),
            *self.baselines.summary(),
            *self.mutants.lines(),
            *self.written,
            *self.unwritten,
            *self.history.summary(),
        ]

    def told(self) -> list[str]:
        """What CI is told after them."""
        return self.ci.lines(self.record(), self._left())

    def _verdicts(self) -> list[str]:
        """What the models are to their base."""
        base = self.options.base
        if base is None:
            return []
        from mi_checks.baselines.base_message import verdict_lines  # numpy and scipy, which collecting does without

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
        return json.dumps(
            {
                "results": as_data(self.results),
                "evidence": as_data(list(self.evidence.values())),
                "provenance": self.provenance,
                "reuse": self.reuse,
                "roles": self.locks.to_wire(),
                "baselines": self.baselines.to_wire(),
                "ci": self.ci.to_wire(),
                "mutants": self.mutants.to_wire(),
                "lints": self.lints.to_wire(),
                "selected": self.selected,
            }
        )

    def from_wire(self, wire: str) -> None:
        """Take over what a worker measured."""
        data = json.loads(wire)
        self.results += [result_from_dict(result) for result in data["results"]]
        for evidence in map(evidence_from_dict, data["evidence"]):
            self._keep(evidence)
        self.provenance.update(data["provenance"])
        for name, count in data["reuse"].items():
            self.reuse[name] += count
        self.locks.from_wire(data["roles"])
        self.baselines.from_wire(data["baselines"])
        self.ci.from_wire(data["ci"])
        self.selected = data["selected"]  # each worker collects all
        order = {node_id: place for place, node_id in enumerate(self.selected)}
        self.results.sort(key=lambda result: order[result.node_id])  # workers finish in any order
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
        options = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        options += ["--mi-dtype", asked.dtype] if asked.dtype != "float32" else []
        options += ["--mi-device", asked.device] if asked.device != "auto" else []
        options += ["--mi-engine", asked.engine] if asked.engine != "auto" else []
        options += ["--mi-strict"] if node_id.endswith(f"::{lint_tally.ID}") else []
        return shlex.join(["pytest", node_id, *options])

    def _progress(self, items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        if self.terminal is None:
            return items
        from tqdm import tqdm

        return tqdm(items, total=total, desc=title, delay=PATIENCE, leave=False, file=self.terminal)


def _id(check: Check | None) -> str:
    return "absent" if check is None else check.id


def _kind(check: Check | None) -> str:
    return "absent" if check is None else check.kind


def _too_few(model: str, error: TooFewPrompts) -> str:
    fewer = f"; --mi-count {error.found} runs on these" if error.found > 1 else ""
    found = f"{error.found} of the {error.asked} prompt pairs asked for survive the tokenizer of {model}{fewer}"
    return f"{found}\n{error}"


def _relative(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
