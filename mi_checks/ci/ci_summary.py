"""The summary of a run as one paragraph of Markdown: the outcomes, the worst failures, and the models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mi_checks.ci.failures import DRIFTED, Failure, failures
from mi_checks.output import numbers
from mi_checks.output.failure_lines import cause_text
from mi_checks.output.multiplicity_text import multiplicity_sentence
from mi_checks.output.safe_text import code_span
from mi_checks.results.causes import FailureGroup, failure_groups
from mi_checks.results.run import BASELINE, REFERENCE, CheckResult, Run

MAX_FAILURES = 5
MAX_LINTS = 3
MAX_NAMES = 10  # of behaviours or models in one list
OUTCOME_WORDS = {
    "fail": "failed",
    "error": "could not be measured",
    "inconclusive": "inconclusive",
    "skipped": "skipped",
}
HASH_DIGITS = 12  # hexadecimal


def ci_summary(run: Run, errors: Sequence[str] = ()) -> str:
    """Return the paragraph, without a line break.

    Args:
        run: the run.
        errors: errors outside the run: mistakes in behaviour files, files that could not be written.
    """
    all_failures = failures(run)
    drifted = [failure for failure in all_failures if failure.rank == DRIFTED and failure.kind == BASELINE]
    has_failed = bool(all_failures or errors or not (run.results or run.mutants))
    return " ".join(
        [
            f"{'✗' if has_failed else '✓'} {_totals(run)}",
            *_error_list(errors),
            *_affected_models(all_failures),
            *_worst_failures(
                [failure for failure in all_failures if failure not in drifted], failure_groups(run.results)
            ),
            *filter(None, [multiplicity_sentence(run.results, run.settings)]),
            *_baselines(run, drifted),
            *_reference_model(run),
            *_mutants(run),
            *_lints(run),
            *_model_list(run),
            f"Command: {code_span(run.command)}.",
        ]
    )


def _totals(run: Run) -> str:
    checks = [result for result in run.results if result.kind not in (BASELINE, REFERENCE)]
    passed = sum(result.outcome == "pass" for result in checks)
    as_declared = sum(result.is_as_declared for result in checks)
    numbers_by_outcome = Counter[str](result.outcome for result in checks if not result.is_as_declared)
    counts = [f"{numbers_by_outcome[outcome]:,} {word}" for outcome, word in OUTCOME_WORDS.items()]
    counts = [each for each in counts if not each.startswith("0 ")]
    counts += [f"{as_declared:,} inconclusive as declared"] if as_declared else []
    of = f"all {passed:,}" if passed == len(checks) > 1 else f"{passed:,} of {len(checks):,}"
    noun = "check" if len(checks) == 1 else "checks"
    headline = f"{of} {noun} passed" if checks else "no check ran"
    parts = [f"**mi-checks: {headline}**", *counts]
    if checks:
        parts[-1] += f", on {_scope_text(checks)}, in {numbers.duration(run.seconds)}"
    short = "" if run.cut_short is None else " The run was cut short: {} of {} items ran.".format(*run.cut_short)
    return f"{', '.join(parts)}.{short}"


def _scope_text(checks: Sequence[CheckResult]) -> str:
    behaviours = len({result.behaviour for result in checks})
    models = len({result.model for result in checks})
    return f"{numbers.count(behaviours, 'behaviour')} × {numbers.count(models, 'model')}"


def _error_list(errors: Sequence[str]) -> Iterator[str]:
    if errors:
        yield f"Errors: {_list_text(map(code_span, errors), MAX_FAILURES)}."


def _affected_models(all_failures: Sequence[Failure]) -> Iterator[str]:
    models: dict[str, dict[str, None]] = {}
    for failure in all_failures:
        models.setdefault(failure.behaviour, {})[failure.model] = None
    if models:
        each = (
            f"{code_span(behaviour)} on {_list_text(map(code_span, of), MAX_NAMES)}" for behaviour, of in models.items()
        )
        yield f"Affected: {_list_text(each, MAX_NAMES, '; ')}."


def _worst_failures(not_drifted: Sequence[Failure], by_cause: Iterable[FailureGroup]) -> Iterator[str]:
    """Yield the worst failure of each behaviour and model, with the likely cause of all of them."""
    by_model: dict[tuple[str, str], list[Failure]] = {}
    for failure in not_drifted:
        by_model.setdefault((failure.behaviour, failure.model), []).append(failure)
    causes = {(group.behaviour, group.model): group for group in by_cause}
    if by_model:
        each = (_failures_text(failures, causes.get(key)) for key, failures in by_model.items())
        yield f"{'Failures, worst first' if len(by_model) > 1 else 'Failed'}: {_list_text(each, MAX_FAILURES, '; ')}."


def _failures_text(failures: Sequence[Failure], group: FailureGroup | None) -> str:
    shown = _failure_text(failures[0])
    if len(failures) == 1:
        return shown
    if group is None or group.cause.check == failures[0].check:
        return f"{shown}, and {len(failures) - 1} more that may follow from it"
    return f"{shown}, and {len(failures) - 1} more; likely cause: {code_span(cause_text(group))}"


def _failure_text(failure: Failure) -> str:
    what = f"{code_span(failure.check)} of {code_span(failure.behaviour)} on {code_span(failure.model)}"
    if failure.estimate is None:
        return f"{what}: {code_span(failure.headline)}"
    measured = f"{numbers.estimate_text(failure.estimate)} {failure.estimate.unit}"
    return f"{what} measured {measured}, bound {code_span(failure.bound)}"


def _baselines(run: Run, drifted: Sequence[Failure]) -> Iterator[str]:
    compared = [result for result in run.results if result.kind == BASELINE]
    if not compared:
        return
    unchanged = sum(result.outcome == "pass" for result in compared)
    yield f"Baselines: {unchanged:,} of {len(compared):,} unchanged" + (
        f"; drifted: {_list_text((_drift_text(each) for each in drifted), MAX_FAILURES, '; ')}." if drifted else "."
    )


def _reference_model(run: Run) -> Iterator[str]:
    compared = [result for result in run.results if result.kind == REFERENCE]
    if compared:
        unchanged = sum(result.outcome == "pass" for result in compared)
        yield f"Reference model: {unchanged:,} of {len(compared):,} checks unchanged."


def _drift_text(failure: Failure) -> str:
    headline = failure.headline.removeprefix("drifted: ")
    return f"{code_span(failure.behaviour)} on {code_span(failure.model)}: {code_span(headline)}"


def _mutants(run: Run) -> Iterator[str]:
    total = sum(len(result.mutants) for result in run.mutants)
    if run.mutants:
        survived = sum(len(result.survivors) for result in run.mutants)
        yield f"Mutants: {total - survived:,} of {total:,} killed."


def _lints(run: Run) -> Iterator[str]:
    if run.lints:
        each = (
            f"{code_span(lint.behaviour)} on {code_span(lint.model)}: {code_span(lint.message)}" for lint in run.lints
        )
        yield f"Warnings: {_list_text(each, MAX_LINTS, '; ')}."


def _model_list(run: Run) -> Iterator[str]:
    engines = sorted({model.get("engine", "none") for model in run.models.values()} - {"none"})
    if engines:
        yield f"Engine: {', '.join(map(code_span, engines))}."
    if run.models:
        each = (
            f"{code_span(name)} (weights {code_span(model.get('weights_sha256', '')[:HASH_DIGITS])})"
            for name, model in run.models.items()
        )
        yield f"Models: {_list_text(each, MAX_NAMES)}."


def _list_text(parts: Iterable[str], limit: int, separator: str = ", ") -> str:
    items = list(parts)
    more = [f"and {len(items) - limit:,} more"] if len(items) > limit else []
    return separator.join([*items[:limit], *more])
