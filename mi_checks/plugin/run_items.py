"""The measurement of items: each becomes a result, whatever goes wrong. Light to import."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mi_checks.errors import MiChecksError
from mi_checks.faults.omissions import require_storable
from mi_checks.faults.unexpected import (
    AlreadyReportedError,
    UnexpectedError,
    is_not_a_failure,
    is_pytest_outcome,
    report_cause,
    report_errors_at,
)
from mi_checks.models.model_names import resolve
from mi_checks.output.progress import no_progress, progress_bar
from mi_checks.plugin.baseline_files import BaselineFiles
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import Options
from mi_checks.plugin.session_results import SessionResults, lint_message, lint_outcome, lint_reasons
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.results.build import ItemId, check_result
from mi_checks.results.claim import Claim
from mi_checks.results.rerun import rerun_command
from mi_checks.results.run import BASE, BASELINE, LINT, CheckResult, Lint, MutantsResult, Place
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.yaml_source import Position
from mi_checks.stats.estimate import Outcome
from mi_checks.suite.selection import checks_on, is_skipped
from mi_checks.suite.threads import limit_to_one_thread

if TYPE_CHECKING:
    from mi_checks.suite.against_mutants import MutantSuite
    from mi_checks.suite.reference_suite import ReferenceSuite
    from mi_checks.suite.suite import Suite


GC_THRESHOLDS = (50_000, 20, 20)  # objects, and collections of each generation, before the next is collected


@dataclass(frozen=True)
class ItemRequest:
    """One item: a check of a behaviour on a model, or what is asked of all of its checks together."""

    loaded: LoadedBehaviour
    model: str
    check: Check | None  # None: all of them
    node_id: str
    place: Position  # where it is claimed

    @property
    def one(self) -> Check:
        """The check, where there is a single one.

        Raises:
            TypeError: what is asked is of all checks.
        """
        if self.check is None:
            raise TypeError(f"{self.node_id} is about no single check")
        return self.check

    @property
    def claimed_at(self) -> Place:
        """Where it is claimed."""
        return Place(self.place.file, self.place.line)

    @property
    def location(self) -> str:
        """`file:line`."""
        return str(self.claimed_at)

    def named(self, check: str) -> ItemId:
        """Return the identity of the result of an item that compares or lints all checks together."""
        return ItemId(*self.key, check, check, self.node_id, self.claimed_at)

    @property
    def key(self) -> tuple[str, str]:
        """The behaviour, and the name whose claims the model runs under."""
        return self.loaded.behaviour.name, resolve(self.model).claims


class ItemRunner:
    """Measures items, and keeps what came of them."""

    def __init__(
        self,
        root: Path,
        options: Options,
        gathered: SessionResults,
        baselines: BaselineFiles,
        locks: LockFiles,
        terminal: io.TextIOBase | None,
    ) -> None:
        """Begin with nothing imported.

        Args:
            root: pytest's root directory.
            options: of the run.
            gathered: where results go.
            baselines: what the run is compared with.
            locks: what roles are bound to.
            terminal: where progress is shown; None: nowhere.
        """
        self.root = root
        self.options = options
        self.gathered = gathered
        self.baselines = baselines
        self.locks = locks
        self.terminal = terminal

    @cached_property
    def suite(self) -> Suite:
        """The measuring side, imported only now."""
        limit_to_one_thread()
        from mi_checks.cache.cache_store import CacheStore
        from mi_checks.suite.loaded_models import SuiteSettings
        from mi_checks.suite.suite import Suite

        # What was imported stays, half a million objects that each collection of garbage would walk through; and what a
        # run makes is seldom garbage. Together a sixth of a run whose measurements are all cached.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        asked = self.options
        settings = SuiteSettings(
            asked.count, asked.seed, asked.device, asked.dtype, asked.engine, asked.memory, asked.update
        )
        return Suite(
            settings,
            no_progress if self.terminal is None else progress_bar(self.terminal),
            None if asked.kept is None else CacheStore(asked.kept),
        )

    @cached_property
    def mutant_suite(self) -> MutantSuite:
        """What measures mutants, likewise."""
        from mi_checks.suite.against_mutants import MutantSuite

        return MutantSuite(self.suite)

    @cached_property
    def base_suite(self) -> ReferenceSuite:
        """What judges models against another one, likewise."""
        from mi_checks.suite.reference_suite import ReferenceSuite

        base, other = str(self.options.base), bool(self.baselines.asked.other)
        return ReferenceSuite(self.suite, base, self.root, self.gathered.versions, other=other)

    def run(self, item: ItemRequest) -> CheckResult:
        """Measure, judge and remember one check."""
        return self._remember(self._measured(item))

    def compare(self, item: ItemRequest) -> CheckResult:
        """Compare a behaviour on a model with its baseline; what this run left out is measured for it."""
        return self._remember(self._or_error(lambda: self._compared(item), item, (BASELINE, BASELINE)))

    def judge(self, item: ItemRequest) -> CheckResult:
        """Judge a behaviour on a model against the base; what this run left out is measured for it."""
        return self._remember(self._or_error(lambda: self._judged(item), item, (BASE, BASE)))

    def lint(self, item: ItemRequest) -> CheckResult:
        """Look for reasons to doubt a behaviour on a model; what this run left out is measured for it."""
        return self._remember(self._or_error(lambda: self._linted(item), item, (LINT, LINT)))

    def run_mutants(self, item: ItemRequest) -> MutantsResult:
        """Run the same check on models in which its claim is false; skip it where it cannot be measured as it is."""
        loaded, model, check, location = item.loaded, item.model, item.one, item.location
        rerun = f"{self.rerun(item.node_id, model)} --mi-mutants"
        name = check.id
        outcome: Outcome = "skipped"
        try:
            with report_errors_at(f"{location}: the mutants of {name} on {model}"):
                result = self.mutant_suite.check(
                    loaded, model, check, node_id=item.node_id, place=item.claimed_at, rerun=rerun
                )
                require_storable("the check's result on a mutant", result.mutants)
        except MiChecksError as error:
            why = f"the check itself cannot be measured: {error}"
            if isinstance(error, UnexpectedError):
                outcome, why = "error", f"{error}\n  claimed   {location}\n  re-run    {rerun}"
            claims = _claims(model)
            result = MutantsResult(loaded.behaviour.name, claims, name, item.node_id, outcome, (), why, item.claimed_at)
        return self.gathered.mutants.add(result)

    def close(self, loaded: LoadedBehaviour, model: str) -> None:
        """Keep the evidence of a behaviour whose items on a model are done, and free the activations."""
        if "suite" not in self.__dict__:
            return
        of, omitted = f"{loaded.behaviour.name} on {model}", self.gathered.omitted
        if "mutant_suite" in self.__dict__:
            with omitted.suppressing(f"the cache of the mutants of {of}"):
                self.mutant_suite.close(loaded, model)
        self._take_evidence(loaded, model, of)
        self.locks.take(self.suite.bindings)
        with omitted.suppressing(f"the provenance of {model}"):
            self._take_provenance()
        self._write_journal()

    def rerun(self, node_id: str, model: str) -> str:
        """Return the command for one item, with whatever on this run's command line decides its outcome."""
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
        options += ["--mi-strict"] if node_id.endswith(f"::{LINT}") else []
        return rerun_command(node_id, self.root, asked.started_in, options)

    def _remember(self, result: CheckResult) -> CheckResult:
        self.gathered.remember(result)
        self._write_journal()
        return result

    def _write_journal(self) -> None:
        with self.gathered.omitted.suppressing("the journal of this run"):
            if self.gathered.journal.due:
                self._take_provenance()
                self.gathered.write_journal()

    def _measured(self, item: ItemRequest) -> CheckResult:
        """Measure and judge one check."""
        measure = partial(self._asked_of_suite, item)
        return self._or_error(measure, item, (item.one.id, item.one.kind))

    def _asked_of_suite(self, item: ItemRequest) -> CheckResult:
        """Ask the suite, which is imported within, so that what goes wrong there is told as well."""
        rerun = self.rerun(item.node_id, item.model)
        return self.suite.check(
            item.loaded, item.model, item.one, node_id=item.node_id, place=item.claimed_at, rerun=rerun
        )

    def _compared(self, item: ItemRequest) -> CheckResult:
        loaded, model = item.loaded, item.model
        _, claims = item.key
        results = {} if self.baselines.asked.other else self._all_results(item)
        evidence = None
        if results and not any(result.outcome in ("error", "skipped") for result in results.values()):
            evidence = self.suite.evidence(loaded, model)
        provenance = self.suite.provenance().get(claims) if results else None
        found = self.baselines.judge(loaded, claims, results, evidence, provenance)
        message = found.message
        if found.outcome in ("fail", "error"):
            message += f"{self._unsaid(results)}{self._where(item)}"
        result = check_result(item.named(BASELINE), found.outcome, claim=Claim("baseline"), message=message)
        return replace(result, reason=found.reason, nodes_lost=found.lost, nodes_gained=found.gained)

    def _judged(self, item: ItemRequest) -> CheckResult:
        results = self._all_results(item)
        rerun = self.rerun(item.node_id, item.model)
        result = self.base_suite.judge(
            item.loaded, item.model, results, node_id=item.node_id, place=item.claimed_at, rerun=rerun
        )
        require_storable("the judgement", (result.estimate, result.per_prompt))
        return replace(result, message=f"{result.message}{self._unsaid(results)}") if result.message else result

    def _linted(self, item: ItemRequest) -> CheckResult:
        results = self._all_results(item)
        unmeasured = next((each for each in results.values() if each.outcome in ("error", "skipped")), None)
        found = self._lint(item.loaded, item.model, results) if unmeasured is None else ()
        behaviour, _ = item.key
        message, outcome = lint_message(found, unmeasured, behaviour), lint_outcome(found, unmeasured)
        if outcome == "fail":
            message += self._where(item)
        result = check_result(item.named(LINT), outcome, claim=Claim("lint"), message=message)
        return replace(result, reason=lint_reasons(found))

    def _lint(self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
        key = (loaded.behaviour.name, resolve(model).claims)
        return self.gathered.lints.once(key, lambda: self.suite.lints(loaded, model, results))

    def _all_results(self, item: ItemRequest) -> dict[str, CheckResult]:
        """Of every check but roles, by id: those that ran, and the others measured now."""
        ran = self.gathered.ran.get(item.key, {})
        return {
            check.id: ran.get(check.id) or self._measured(replace(item, check=check, place=place))
            for check, place in checks_on(item.loaded, item.model)
            if check.kind != "role"
        }

    def _unsaid(self, results: Mapping[str, CheckResult]) -> str:
        """Why a check could not be measured, where no item of its own has said so; as the end of a message."""
        said = {id(result) for result in self.gathered.results}
        errors = [each for each in results.values() if each.outcome == "error" and id(each) not in said]
        return f"\n  because   {errors[0].message.partition(chr(10))[0]}" if errors else ""

    def _where(self, item: ItemRequest) -> str:
        """Where an item is claimed and how to run it again, as the end of a message."""
        return f"\n  claimed   {item.location}\n  re-run    {self.rerun(item.node_id, item.model)}"

    def _or_error(self, measure: Callable[[], CheckResult], item: ItemRequest, check: tuple[str, str]) -> CheckResult:
        """Return what `measure` returns, or a result that says why it could not.

        Any error becomes a result of outcome `error` or, as `mi_checks.suite.selection.is_skipped` decides, `skipped`.

        Args:
            measure: the measurement.
            item: what is measured.
            check: the id and the kind of the result.
        """
        location, claims, (name, kind) = item.location, _claims(item.model), check

        def unmeasured(message: str, outcome: Outcome = "error") -> CheckResult:
            identity = ItemId(item.loaded.behaviour.name, claims, name, kind, item.node_id, item.claimed_at)
            return check_result(identity, outcome, message=message)

        try:
            with report_errors_at(f"{location}: {name} on {item.model}"):
                return measure()
        except AlreadyReportedError as error:
            return unmeasured(f"{location}: {error}")
        except MiChecksError as error:
            if is_skipped(error, item.loaded, claims):
                message = _too_few(item.model, error) if isinstance(error, TooFewPromptsError) else str(error)
                return unmeasured(f"{message}{self._where(item)}", "skipped")
            report_cause(error)
            placeless = isinstance(error, UnexpectedError) and not str(error).startswith(location)
            return unmeasured(f"{location}: {error}{self._where(item)}" if placeless else f"{error}{self._where(item)}")

    def _take_evidence(self, loaded: LoadedBehaviour, model: str, of: str) -> None:
        omitted, ran = self.gathered.omitted, self.gathered.ran
        with omitted.suppressing(f"the warnings of {of}"):
            self._lint(loaded, model, ran.get((loaded.behaviour.name, resolve(model).claims), {}))
        try:
            evidence = self.suite.close(loaded, model, drawn=True)
            if evidence is not None:
                self.gathered.keep(evidence)
        except BaseException as error:
            if is_not_a_failure(error) and not is_pytest_outcome(error):
                raise
            results = ran.get((loaded.behaviour.name, _claims(model)), {})
            if any(result.outcome not in ("error", "skipped") for result in results.values()):  # else each has said why
                omitted.add(f"the evidence of {of}", error)

    def _take_provenance(self) -> None:
        """Record where models come from, and how many measurements came from the cache."""
        gathered = self.gathered
        if "suite" in self.__dict__:
            gathered.provenance.update(self.suite.provenance())
            gathered.guards.update(self.suite.loaded_models.guards())
            gathered.reuse = asdict(self.suite.reuse)
        if "base_suite" in self.__dict__:
            gathered.provenance.update(self.base_suite.provenance())
            gathered.reuse = asdict(self.suite.reuse.plus(self.base_suite.reuse))


def _claims(model: str) -> str:
    """Return the name whose claims a model runs under, even if the model itself no longer exists."""
    try:
        return resolve(model).claims
    except Exception:
        return model.partition("=")[0]


def _too_few(model: str, error: TooFewPromptsError) -> str:
    fewer = f"; --mi-count {error.n_available} runs on these" if error.n_available > 1 else ""
    found = (
        f"{error.n_available} of the {error.n_requested} prompt pairs asked for survive the tokenizer of {model}{fewer}"
    )
    return f"{found}\n{error}"
