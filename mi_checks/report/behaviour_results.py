"""The results of a run grouped by behaviour and model, with their outcomes as they are displayed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mi_checks.results.evidence import Evidence
from mi_checks.results.run import BASELINE, CheckResult, Lint, MutantsResult, Run
from mi_checks.stats.estimate import Outcome

SEVERITY: tuple[Outcome, ...] = ("fail", "error", "inconclusive", "pass", "skipped")  # worst first


@dataclass(frozen=True)
class VerdictLabel:
    """An outcome as it is displayed: always a symbol and a word, which the colour only repeats.

    `css` is a class name of the style sheet.
    """

    symbol: str
    word: str
    css: str
    note: str = ""


OUTCOMES: dict[str, VerdictLabel] = {
    "pass": VerdictLabel("✓", "pass", "pass"),
    "fail": VerdictLabel("✗", "fail", "fail"),
    "inconclusive": VerdictLabel("?", "inconclusive", "inconclusive"),
    "error": VerdictLabel("!", "error", "error"),
    "skipped": VerdictLabel("–", "skipped", "none"),
}
PASSED_AS_ABSENT = VerdictLabel("✓", "absent", "absent", "as declared")
DECLARED = VerdictLabel("?", "declared inconclusive", "declared")
DRIFTED = VerdictLabel("≠", "drifted", "drift", "differs from its baseline")
SURVIVED = VerdictLabel("✗", "mutant survived", "fail")
NOT_RUN = VerdictLabel("–", "no checks", "none")


def worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return the worst of several outcomes, or None if there are none."""
    return min(outcomes, key=SEVERITY.index, default=None)


def verdict_label(
    outcome: Outcome | None, absent: bool = False, only_drifted: bool = False, as_declared: bool = False
) -> VerdictLabel:
    """Return an outcome as it is displayed; a model that lacks a behaviour, as declared, is marked as such.

    `only_drifted` says that the only failure is a deviation from the baseline, and `as_declared` that a check is
    inconclusive, as its file declares.
    """
    if outcome is None:
        return NOT_RUN
    if only_drifted:
        return DRIFTED
    label = DECLARED if as_declared else OUTCOMES[outcome]
    if not absent:
        return label
    if label.word == "pass":
        return PASSED_AS_ABSENT
    return VerdictLabel(label.symbol, label.word, label.css, "declared absent")


@dataclass(frozen=True)
class ModelResults:
    """The results of one behaviour on one model. Anchors are numbered, so that no name can break or forge one."""

    behaviour: str
    model: str
    anchor: str
    checks: tuple[CheckResult, ...]
    evidence: Evidence | None
    mutants: Mapping[str, MutantsResult] = field(default_factory=dict)  # by check
    lints: tuple[Lint, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """Return the worst outcome among the checks, or None without checks.

        A check that is inconclusive, as declared, counts as a pass.
        """
        return worst("pass" if check.is_as_declared else check.outcome for check in self.checks)

    @property
    def absent(self) -> bool:
        """Return whether the behaviour was declared absent from this model."""
        if self.evidence is not None:
            return self.evidence.declared == "absent"
        return any(check.check == "absent" for check in self.checks)

    @property
    def verdict(self) -> VerdictLabel:
        """Return the outcome as it is displayed."""
        failed = [check for check in self.checks if check.outcome == "fail"]
        only_drifted = bool(failed) and all(map(is_drift, failed))
        as_declared = self.outcome == "pass" and any(check.is_as_declared for check in self.checks)
        return verdict_label(self.outcome, self.absent, only_drifted, as_declared)

    @property
    def n_passed(self) -> int:
        """Return the number of checks that passed."""
        return sum(check.outcome == "pass" for check in self.checks)

    def check_anchor(self, index: int) -> str:
        """Return the anchor of one check's row."""
        return f"{self.anchor}c{index}"


@dataclass(frozen=True)
class BehaviourResults:
    """The results of one behaviour on every model on which it was run."""

    behaviour: str
    anchor: str
    models: tuple[ModelResults, ...]


def is_drift(result: CheckResult) -> bool:
    """Return whether a result reports a deviation from its baseline."""
    return result.kind == BASELINE and result.outcome == "fail"


def model_names(run: Run) -> tuple[str, ...]:
    """Return the models in order of appearance, with the models that fewer than half as many behaviours use at the end.

    The order of `run.models` is not used: under `pytest -n` it depends on which worker finished first.
    """
    behaviours: dict[str, set[str]] = {}
    for model, behaviour in ((each.model, each.behaviour) for part in (run.results, run.evidence) for each in part):
        behaviours.setdefault(model, set()).add(behaviour)
    max_behaviours = max(map(len, behaviours.values()), default=0)
    return tuple(sorted(behaviours, key=lambda model: 2 * len(behaviours[model]) < max_behaviours))


def results_by_behaviour(run: Run) -> tuple[BehaviourResults, ...]:
    """Return the results of a run by behaviour and model, in order of appearance."""
    checks: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for result in run.results:
        checks[result.behaviour, result.model].append(result)
    evidence = {(each.behaviour, each.model): each for each in run.evidence}
    mutants: dict[tuple[str, str], dict[str, MutantsResult]] = defaultdict(dict)
    for mutants_result in run.mutants:
        mutants[mutants_result.behaviour, mutants_result.model][mutants_result.check] = mutants_result
    lints: dict[tuple[str, str], list[Lint]] = defaultdict(list)
    for lint in run.lints:
        lints[lint.behaviour, lint.model].append(lint)
    columns = model_names(run)
    names = [result.behaviour for result in run.results] + [each.behaviour for each in run.evidence]
    return tuple(
        BehaviourResults(
            name,
            f"b{row}",
            tuple(
                ModelResults(
                    name,
                    model,
                    f"b{row}m{column}",
                    tuple(checks[name, model]),
                    evidence.get((name, model)),
                    mutants[name, model],
                    tuple(lints[name, model]),
                )
                for column, model in enumerate(columns)
                if (name, model) in checks or (name, model) in evidence
            ),
        )
        for row, name in enumerate(dict.fromkeys(names))
    )
