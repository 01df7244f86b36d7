"""The results of a run grouped by behaviour and model, from which every part of the page is built."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from mi_checks.report.outcomes import Verdict, verdict, worst
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import BASELINE, CheckResult, Lint, MutantsResult, Run
from mi_checks.stats.estimate import Outcome


@dataclass(frozen=True)
class Pair:
    """One behaviour on one model. Anchors are numbered, so that no name can break or forge one."""

    behaviour: str
    model: str
    anchor: str
    results: tuple[CheckResult, ...]
    evidence: Evidence | None
    mutants: Mapping[str, MutantsResult] = field(default_factory=dict)  # by check
    lints: tuple[Lint, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """Return the worst outcome among the checks, or None without checks."""
        return worst(result.outcome for result in self.results)

    @property
    def absent(self) -> bool:
        """Return whether the behaviour was declared absent from this model."""
        if self.evidence is not None:
            return self.evidence.declared == "absent"
        return any(result.check == "absent" for result in self.results)

    @property
    def verdict(self) -> Verdict:
        """Return the outcome as it is displayed."""
        failed = [result for result in self.results if result.outcome == "fail"]
        return verdict(self.outcome, self.absent, bool(failed) and all(map(drifted, failed)))

    @property
    def passed(self) -> int:
        """Return the number of checks that passed."""
        return sum(result.outcome == "pass" for result in self.results)

    def check_anchor(self, index: int) -> str:
        """Return the anchor of one check's row."""
        return f"{self.anchor}c{index}"


@dataclass(frozen=True)
class Group:
    """One behaviour on every model on which it was run."""

    behaviour: str
    anchor: str
    pairs: tuple[Pair, ...]


def drifted(result: CheckResult) -> bool:
    """Return whether a result reports a deviation from its baseline."""
    return result.kind == BASELINE and result.outcome == "fail"


def models(run: Run) -> tuple[str, ...]:
    """Return the models in order of appearance, with the models that fewer than half as many behaviours use at the end.

    The order of `run.models` is not used: under `pytest -n` it depends on which worker finished first.
    """
    behaviours: dict[str, set[str]] = {}
    for model, behaviour in ((each.model, each.behaviour) for part in (run.results, run.evidence) for each in part):
        behaviours.setdefault(model, set()).add(behaviour)
    max_behaviours = max(map(len, behaviours.values()), default=0)
    return tuple(sorted(behaviours, key=lambda model: 2 * len(behaviours[model]) < max_behaviours))


def groups(run: Run) -> tuple[Group, ...]:
    """Return the behaviours in order of appearance."""
    results: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for result in run.results:
        results[result.behaviour, result.model].append(result)
    evidence = {(each_evidence.behaviour, each_evidence.model): each_evidence for each_evidence in run.evidence}
    mutants: dict[tuple[str, str], dict[str, MutantsResult]] = defaultdict(dict)
    for each in run.mutants:
        mutants[each.behaviour, each.model][each.check] = each
    lints: dict[tuple[str, str], list[Lint]] = defaultdict(list)
    for lint in run.lints:
        lints[lint.behaviour, lint.model].append(lint)
    columns = models(run)
    names = [result.behaviour for result in run.results] + [each_evidence.behaviour for each_evidence in run.evidence]
    return tuple(
        Group(
            name,
            f"b{row}",
            tuple(
                Pair(
                    name,
                    model,
                    f"b{row}m{column}",
                    tuple(results[name, model]),
                    evidence.get((name, model)),
                    mutants[name, model],
                    tuple(lints[name, model]),
                )
                for column, model in enumerate(columns)
                if (name, model) in results or (name, model) in evidence
            ),
        )
        for row, name in enumerate(dict.fromkeys(names))
    )
