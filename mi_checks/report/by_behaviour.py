"""The run, gathered by behaviour and model: what every part of the page is built from."""

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
    """One behaviour on one model. Anchors are numbered, so no name can break or forge one."""

    behaviour: str
    model: str
    anchor: str
    results: tuple[CheckResult, ...]
    evidence: Evidence | None
    mutants: Mapping[str, MutantsResult] = field(default_factory=dict)  # by check
    lints: tuple[Lint, ...] = ()

    @property
    def outcome(self) -> Outcome | None:
        """The gravest outcome among the checks."""
        return worst(result.outcome for result in self.results)

    @property
    def absent(self) -> bool:
        """Whether the behaviour was declared not to be in this model."""
        if self.evidence is not None:
            return self.evidence.declared == "absent"
        return any(result.check == "absent" for result in self.results)

    @property
    def verdict(self) -> Verdict:
        """The outcome for showing."""
        failed = [result for result in self.results if result.outcome == "fail"]
        return verdict(self.outcome, self.absent, bool(failed) and all(map(drifted, failed)))

    @property
    def passed(self) -> int:
        """How many of the checks passed."""
        return sum(result.outcome == "pass" for result in self.results)

    def check_anchor(self, index: int) -> str:
        """The anchor of one check's row."""
        return f"{self.anchor}c{index}"


@dataclass(frozen=True)
class Group:
    """One behaviour on every model it was run on."""

    behaviour: str
    anchor: str
    pairs: tuple[Pair, ...]


def drifted(result: CheckResult) -> bool:
    """Whether a result is that something is not as its baseline."""
    return result.kind == BASELINE and result.outcome == "fail"


def models(run: Run) -> tuple[str, ...]:
    """Models in order of appearance, but those that few behaviours are about come last.

    Not in the order of their provenance, which under `pytest -n` is that of the worker which came first.
    """
    about: dict[str, set[str]] = {}
    for model, behaviour in ((each.model, each.behaviour) for part in (run.results, run.evidence) for each in part):
        about.setdefault(model, set()).add(behaviour)
    most = max(map(len, about.values()), default=0)
    return tuple(sorted(about, key=lambda model: 2 * len(about[model]) < most))


def groups(run: Run) -> tuple[Group, ...]:
    """Behaviours in order of appearance."""
    results: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for result in run.results:
        results[result.behaviour, result.model].append(result)
    evidence = {(found.behaviour, found.model): found for found in run.evidence}
    mutants: dict[tuple[str, str], dict[str, MutantsResult]] = defaultdict(dict)
    for each in run.mutants:
        mutants[each.behaviour, each.model][each.check] = each
    lints: dict[tuple[str, str], list[Lint]] = defaultdict(list)
    for lint in run.lints:
        lints[lint.behaviour, lint.model].append(lint)
    columns = models(run)
    named = [result.behaviour for result in run.results] + [found.behaviour for found in run.evidence]
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
        for row, name in enumerate(dict.fromkeys(named))
    )
