"""The measurement of items: each becomes a result, whatever goes wrong. Light to import: the suite is not."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
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
from mi_checks.output.declared_text import unexpected_pass
from mi_checks.output.failure_lines import footer
from mi_checks.plugin.baseline_files import BaselineFiles
from mi_checks.plugin.build_suite import build_suite, require_fetched
from mi_checks.plugin.item_request import ItemRequest
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import Options
from mi_checks.plugin.result_cache import ResultCache
from mi_checks.plugin.session_results import SessionResults, lint_message, lint_outcome, lint_reasons
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.results.build import ItemId, check_result
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence
from mi_checks.results.pytest_ids import rerun_command
from mi_checks.results.run import BASELINE, LINT, REFERENCE, CheckResult, FileLine, Lint, MutantsResult
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.stats.estimate import Outcome
from mi_checks.suite.selection import checks_on, is_skipped

if TYPE_CHECKING:
    from mi_checks.cache.finished_results import FinishedResults
    from mi_checks.suite.against_mutants import MutantSuite
    from mi_checks.suite.reference_suite import ReferenceSuite
    from mi_checks.suite.suite import Suite


class ItemRunner:
    """Measures items, and adds their results to the session's."""

    def __init__(
        self,
        root: Path,
        options: Options,
        session_results: SessionResults,
        baselines: BaselineFiles,
        locks: LockFiles,
        terminal: io.TextIOBase | None,
    ) -> None:
        """Begin without a suite.

        Args:
            root: pytest's root directory.
            options: the options of the run.
            session_results: the results to add to.
            baselines: the baselines that the run is compared with.
            locks: the lock files that record what roles are bound to.
            terminal: the stream that progress is shown on; None to show none.
        """
        self.root = root
        self.options = options
        self.session_results = session_results
        self.baselines = baselines
        self.locks = locks
        self.terminal = terminal
        self.result_cache = ResultCache(options, locks)

    @cached_property
    def suite(self) -> Suite:
        """Return the suite, which is imported on first use, with torch and TransformerLens."""
        if self.session_results.results:  # recalled until now, and lost if what follows is killed
            self._write_journal(now=True)
        return build_suite(self.options, self.terminal)

    @property
    def is_measuring(self) -> bool:
        """Return whether anything had to be measured so far, because no earlier run has stored its results."""
        return "suite" in self.__dict__

    @cached_property
    def mutant_suite(self) -> MutantSuite:
        """Return the suite of mutants, made on first use."""
        from mi_checks.suite.against_mutants import MutantSuite

        return MutantSuite(self.suite)

    @cached_property
    def reference_suite(self) -> ReferenceSuite:
        """Return the suite that compares models with the reference model, made on first use."""
        from mi_checks.suite.reference_suite import ReferenceSuite

        reference, other = str(self.options.reference_model), bool(self.baselines.options.overrides)
        return ReferenceSuite(self.suite, reference, self.root, self.session_results.versions, overrides=other)

    def run(self, item: ItemRequest) -> CheckResult:
        """Run one check and add its result."""
        return self._add(self._check_result(item))

    def compare(self, item: ItemRequest) -> CheckResult:
        """Compare a behaviour on a model with its baseline, and measure checks that were not selected."""
        return self._add(self._or_error(lambda: self._baseline_result(item), item, (BASELINE, BASELINE)))

    def judge(self, item: ItemRequest) -> CheckResult:
        """Compare a behaviour on a model with the reference model, and measure checks that were not selected."""
        return self._add(self._or_error(lambda: self._reference_result(item), item, (REFERENCE, REFERENCE)))

    def lint(self, item: ItemRequest) -> CheckResult:
        """Look for reasons to doubt a behaviour on a model, and measure checks that were not selected."""
        return self._add(self._or_error(lambda: self._lint_result(item), item, (LINT, LINT)))

    def run_mutants(self, item: ItemRequest) -> MutantsResult:
        """Run a check on models in which its claim is false; skip it if it cannot be measured on the model itself."""
        loaded, model, check, location = item.loaded, item.model, item.single_check, item.location
        rerun = f"{self.rerun(item.node_id, model)} --mi-mutants"
        name = check.id
        outcome: Outcome = "skipped"
        try:
            with report_errors_at(f"{location}: the mutants of {name} on {model}"):
                result = self.mutant_suite.check(
                    loaded, model, check, node_id=item.node_id, claimed_at=item.claimed_at, rerun=rerun
                )
                require_storable("the check's result on a mutant", result.mutants)
        except MiChecksError as error:
            why = f"the check itself cannot be measured: {error}"
            if isinstance(error, UnexpectedError):
                outcome, why = "error", "\n".join([str(error), *footer(location, rerun)])
            claims = _claims(model)
            result = MutantsResult(loaded.behaviour.name, claims, name, item.node_id, outcome, (), why, item.claimed_at)
        return self.session_results.mutants.add(result)

    def close(self, loaded: LoadedBehaviour, model: str) -> None:
        """Add the evidence of a behaviour whose items on a model are done, and free its activations."""
        what, omitted = f"{loaded.behaviour.name} on {model}", self.session_results.omitted
        found = self.result_cache.find(loaded, model)
        if found is not None:
            self._take_finished(loaded, model, found)
        if not self.is_measuring:
            self.result_cache.forget(loaded, model)
            return
        if "mutant_suite" in self.__dict__:
            with omitted.suppressing(f"the cache of the mutants of {what}"):
                self.mutant_suite.close(loaded, model)
        n_omitted = len(omitted.sentences)
        evidence = self._take_evidence(loaded, model, what) if found is None else None
        self.locks.add(self.suite.bindings)
        with omitted.suppressing(f"the provenance of {model}"):
            self._take_provenance()
        if evidence is not None and len(omitted.sentences) == n_omitted:
            with omitted.suppressing(f"the results of {what} in the cache"):
                self._save_finished(loaded, model, evidence)
        self.result_cache.forget(loaded, model)
        # A worker's first results are written at once, for the report that the controller writes during the run.
        self._write_journal(now=bool(self.options.worker_id) and not self.session_results.journal.has_evidence)

    def rerun(self, node_id: str, model: str) -> str:
        """Return the command that runs one item again, with the options of this run that decide its outcome."""
        own = self.options
        values = {
            "--mi-model": model if own.models else None,
            "--mi-base": own.reference_model,
            "--mi-count": own.count,
            "--mi-seed": own.seed,
        }
        options = list(own.pytest_options)
        options += [word for flag, value in values.items() if value is not None for word in (flag, str(value))]
        options += ["--mi-dtype", own.dtype] if own.dtype != "float32" else []
        options += ["--mi-device", own.device] if own.device != "auto" else []
        options += ["--mi-engine", own.engine] if own.engine != "auto" else []
        options += ["--mi-strict"] if node_id.endswith(f"::{LINT}") else []
        return rerun_command(node_id, self.root, own.invocation_folder, options)

    def _add(self, result: CheckResult) -> CheckResult:
        self.session_results.add_result(result)
        self._write_journal()
        return result

    def _write_journal(self, *, now: bool = False) -> None:
        with self.session_results.omitted.suppressing("the journal of this run"):
            # A run that has measured nothing loses nothing if it is killed.
            if now or (self.is_measuring and self.session_results.journal.due):
                self._take_provenance()
                self.session_results.write_journal()

    def _check_result(self, item: ItemRequest) -> CheckResult:
        """Return the result of one check, or of the error that prevented it."""
        return self._or_error(partial(self._check, item), item, (item.single_check.id, item.single_check.kind))

    def _check(self, item: ItemRequest) -> CheckResult:
        """Return the result of one check, of an earlier run if that is possible."""
        rerun, loaded, check = self.rerun(item.node_id, item.model), item.loaded, item.single_check
        self.session_results.result_counts["requested"] += 1
        result = self._finished(item, rerun) or self._measured(item, rerun)
        entry = loaded.behaviour.inconclusive_place(check, result.model)
        if entry is None or self.baselines.options.overrides or resolve(item.model).stands_in:
            return result
        place = loaded.place_of(entry)
        return unexpected_pass(result, FileLine(place.file, place.line), rerun)

    def _finished(self, item: ItemRequest, rerun: str) -> CheckResult | None:
        """Return the result that an earlier run has stored, or None if the check must be measured."""
        began = time.perf_counter()
        result = self.result_cache.result(item, rerun)
        if result is None:
            return None
        self.session_results.result_counts["cached"] += 1
        return replace(result, seconds=time.perf_counter() - began)

    def _measured(self, item: ItemRequest, rerun: str) -> CheckResult:
        """Measure a check; the suite is imported here, so that errors of the import are reported.

        Raises:
            MiChecksError: the check cannot be measured.
        """
        if self.options.device in ("auto", "cpu"):  # otherwise the device may be the first problem
            require_fetched(item.model)
        result = self.suite.check(
            item.loaded, item.model, item.single_check, node_id=item.node_id, claimed_at=item.claimed_at, rerun=rerun
        )
        self.result_cache.add(item, result, rerun)
        return result

    def _baseline_result(self, item: ItemRequest) -> CheckResult:
        loaded, model = item.loaded, item.model
        _, claims = item.key
        results = {} if self.baselines.options.overrides else self._all_results(item)
        evidence, provenance = None, None
        if results and not any(result.outcome in ("error", "skipped") for result in results.values()):
            found = self.result_cache.find(loaded, model)
            evidence = self.suite.evidence(loaded, model) if found is None else found.evidence
            provenance = self.suite.provenance().get(claims) if found is None else found.provenance
        comparison = self.baselines.judge(loaded, claims, results, evidence, provenance)
        message = comparison.message
        if comparison.outcome in ("fail", "error"):
            message += f"{self._unreported_error(results)}{self._where(item)}"
        result = check_result(item.item_id(BASELINE), comparison.outcome, claim=Claim("baseline"), message=message)
        return replace(result, reason=comparison.reason, nodes_lost=comparison.lost, nodes_gained=comparison.gained)

    def _reference_result(self, item: ItemRequest) -> CheckResult:
        results = self._all_results(item)
        rerun = self.rerun(item.node_id, item.model)
        result = self.reference_suite.judge(
            item.loaded, item.model, results, node_id=item.node_id, claimed_at=item.claimed_at, rerun=rerun
        )
        require_storable("the comparison with the reference model", (result.estimate, result.per_prompt))
        return (
            replace(result, message=f"{result.message}{self._unreported_error(results)}") if result.message else result
        )

    def _lint_result(self, item: ItemRequest) -> CheckResult:
        results = self._all_results(item)
        unmeasured = next((each for each in results.values() if each.outcome in ("error", "skipped")), None)
        lints = self._lint(item.loaded, item.model, results) if unmeasured is None else ()
        behaviour, _ = item.key
        message, outcome = lint_message(lints, unmeasured, behaviour), lint_outcome(lints, unmeasured)
        if outcome == "fail":
            message += self._where(item)
        result = check_result(item.item_id(LINT), outcome, claim=Claim("lint"), message=message)
        return replace(result, reason=lint_reasons(lints))

    def _lint(self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
        key = (loaded.behaviour.name, resolve(model).claims)
        found = self.result_cache.find(loaded, model)
        return self.session_results.lints.find_once(
            key, lambda: self.suite.lints(loaded, model, results) if found is None else found.lints
        )

    def _all_results(self, item: ItemRequest) -> dict[str, CheckResult]:
        """Return the results of all checks except roles, by id; those that did not run are measured now."""
        known = self.session_results.results_by_check.get(item.key, {})
        return {
            check.id: known.get(check.id) or self._check_result(replace(item, check=check, place=place))
            for check, place in checks_on(item.loaded, item.model)
            if check.kind != "role"
        }

    def _unreported_error(self, results: Mapping[str, CheckResult]) -> str:
        """Return why a check could not be measured, for the end of a message, unless its own item reports it."""
        reported = {id(result) for result in self.session_results.results}
        errors = [each for each in results.values() if each.outcome == "error" and id(each) not in reported]
        return f"\n  because   {errors[0].message.partition(chr(10))[0]}" if errors else ""

    def _where(self, item: ItemRequest) -> str:
        """Return where an item is claimed and how to run it again, for the end of a message."""
        return "".join(f"\n{line}" for line in footer(item.location, self.rerun(item.node_id, item.model)))

    def _or_error(self, measure: Callable[[], CheckResult], item: ItemRequest, check: tuple[str, str]) -> CheckResult:
        """Return the result of a measurement, or a result that says why it failed.

        Any error becomes a result of outcome `error` or, as `mi_checks.suite.selection.is_skipped` decides, `skipped`.

        Args:
            measure: measures the item.
            item: the item.
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
            lacks_location = isinstance(error, UnexpectedError) and not str(error).startswith(location)
            return unmeasured(
                f"{location}: {error}{self._where(item)}" if lacks_location else f"{error}{self._where(item)}"
            )

    def _take_finished(self, loaded: LoadedBehaviour, model: str, found: FinishedResults) -> None:
        """Add what an earlier run has stored, besides the results of checks, and free what this one measured."""
        _, claims = key = (loaded.behaviour.name, resolve(model).claims)
        self.session_results.lints.find_once(key, lambda: found.lints)
        self.session_results.add_evidence(found.evidence)
        self.session_results.add_provenance({claims: found.provenance})
        if found.guards is not None:
            self.session_results.guards[claims] = found.guards
        if self.is_measuring:
            self.suite.close(loaded, model)

    def _save_finished(self, loaded: LoadedBehaviour, model: str, evidence: Evidence) -> None:
        """Store the results of a behaviour on a model for the next run."""
        session_results, key = self.session_results, (loaded.behaviour.name, resolve(model).claims)
        self.result_cache.save(
            loaded,
            model,
            evidence,
            self._lint(loaded, model, {}),
            self.suite.provenance()[evidence.model],
            session_results.guards.get(evidence.model),
            items=set(session_results.results_by_check.get(key, {})),
        )

    def _take_evidence(self, loaded: LoadedBehaviour, model: str, what: str) -> Evidence | None:
        omitted, known = self.session_results.omitted, self.session_results.results_by_check
        with omitted.suppressing(f"the warnings of {what}"):
            self._lint(loaded, model, known.get((loaded.behaviour.name, resolve(model).claims), {}))
        try:
            evidence = self.suite.close(loaded, model, for_report=self.options.draws)
            if evidence is not None:
                self.session_results.add_evidence(evidence)
            return evidence
        except BaseException as error:
            if is_not_a_failure(error) and not is_pytest_outcome(error):
                raise
            results = known.get((loaded.behaviour.name, _claims(model)), {})
            if any(
                result.outcome not in ("error", "skipped") for result in results.values()
            ):  # otherwise each says why
                omitted.add(f"the evidence of {what}", error)
            return None

    def _take_provenance(self) -> None:
        """Record where models come from, and how many measurements came from the cache."""
        session_results = self.session_results
        if self.is_measuring:
            session_results.add_provenance(self.suite.provenance())
            session_results.guards.update(self.suite.loaded_models.guards())
            session_results.cache_counts = asdict(self.suite.cache_counts)
        if "reference_suite" in self.__dict__:
            session_results.provenance.update(self.reference_suite.provenance())
            session_results.cache_counts = asdict(self.suite.cache_counts.plus(self.reference_suite.cache_counts))


def _claims(model: str) -> str:
    """Return the name whose claims a model runs under, even if the model itself no longer exists."""
    try:
        return resolve(model).claims
    except Exception:
        return model.partition("=")[0]


def _too_few(model: str, error: TooFewPromptsError) -> str:
    remedy = f"; --mi-count {error.n_available} uses these" if error.n_available > 1 else ""
    pairs = f"only {error.n_available} of the {error.n_requested} requested prompt pairs"
    return f"{pairs} survive the tokenizer of {model}{remedy}\n{error}"
