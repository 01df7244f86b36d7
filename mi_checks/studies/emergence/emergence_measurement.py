"""The measurement of emergence: unpatched runs and role scores at every checkpoint, without interventions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mi_checks.compare.neighbouring_models import comparable
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import CLI_MEMORY_REMEDY, report_cause, report_errors_at
from mi_checks.output.progress import Progress, no_progress
from mi_checks.results.evidence import Effect
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.roles import RoleCheck
from mi_checks.studies.emergence.appearance import EffectCurve, judge_appearances
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import (
    Emergence,
    RoleAtCheckpoint,
    RoleCurve,
    SeriesResult,
    UnmeasuredCurve,
)
from mi_checks.studies.matrix.survey import BehaviourOnModel, new_suite
from mi_checks.suite.selection import is_skipped

if TYPE_CHECKING:
    from mi_checks.suite.suite import Suite


def measure_emergence(
    behaviours: Sequence[LoadedBehaviour],
    series: Sequence[CheckpointSeries],
    *,
    named_only: bool = False,
    count: int | None = None,
    seed: int | None = None,
    progress: Progress = no_progress,
) -> Emergence:
    """Measure every behaviour at every checkpoint, each under the claims made for the series.

    Args:
        behaviours: the behaviours to measure.
        series: the series of checkpoints.
        named_only: whether to leave out behaviours that claim nothing about a series' model.
        count: the number of prompt pairs; None for each file's.
        seed: the seed of the prompts; None for each file's.
        progress: shows the progress.

    Raises:
        MiChecksError: there is nothing to measure.
    """
    selected = [[b for b in behaviours if not named_only or one.claims in b.behaviour.models] for one in series]
    if not any(selected):
        models = " or ".join(dict.fromkeys(one.claims for one in series))
        raise MiChecksError(
            f"no behaviour claims anything about {models}; name the series to measure the behaviours on, such as "
            f"--model '{series[0].model}@*'"
        )
    suite = new_suite(count, seed)
    cells = [
        (loaded, name)
        for one, wanted in zip(series, selected, strict=True)
        for loaded in wanted
        for name in one.measured
    ]
    iterator: Iterator[BehaviourOnModel] = iter(progress(cells, len(cells), "behaviours at checkpoints"))
    measured = [_measure_series(suite, one, wanted, iterator) for one, wanted in zip(series, selected, strict=True)]
    for _ in iterator:  # exhausts the iterator, so that the progress display ends
        pass
    verdicts, tests = judge_appearances([curve for curves, *_ in measured for curve in curves])
    remaining = iter(verdicts)
    return Emergence(
        tuple(
            SeriesResult(
                one,
                tuple(next(remaining) for _ in curves),
                roles,
                unmeasured,
                tuple(b.behaviour.name for b in behaviours if b not in wanted),
            )
            for one, wanted, (curves, roles, unmeasured) in zip(series, selected, measured, strict=True)
        ),
        tests,
    )


def _measure_series(
    suite: Suite, series: CheckpointSeries, behaviours: Sequence[LoadedBehaviour], cells: Iterator[BehaviourOnModel]
) -> tuple[tuple[EffectCurve, ...], tuple[RoleCurve, ...], tuple[UnmeasuredCurve, ...]]:
    curves: list[EffectCurve] = []
    unmeasured: list[UnmeasuredCurve] = []
    roles: dict[tuple[object, ...], tuple[RoleCheck, list[LoadedBehaviour]]] = {}
    for loaded in behaviours:
        effects: list[Effect] = []
        for label, _ in zip(series.labels, series.measured, strict=True):
            loaded, name = next(cells)
            try:
                with report_errors_at(f"{loaded.behaviour.name} on {name}", CLI_MEMORY_REMEDY):
                    suite.measurements(loaded, name)
                    evidence = suite.close(loaded, name)
            except MiChecksError as error:
                report_cause(error)
                skipped = is_skipped(error, loaded, series.claims)
                unmeasured.append(UnmeasuredCurve(loaded.behaviour.name, label, str(error), skipped))
            else:
                effects += [evidence.effect] if evidence is not None else []
        if len(effects) == len(series.names):
            other = next((k for k, e in enumerate(effects) if not comparable(effects[0], e)), None)
            if other is None:
                curves.append(EffectCurve(loaded.behaviour.name, tuple(effects)))
            else:
                reason = f"its prompts differ from those at {series.labels[0]}: another tokenizer or context length"
                unmeasured.append(UnmeasuredCurve(loaded.behaviour.name, series.labels[other], reason))
        for check in loaded.behaviour.role_checks:
            bound = loaded.behaviour.bound_for(check, series.claims) or check.bound
            own = loaded.role_scores.get(check.role.score)
            roles.setdefault((check.name, *check.role, bound.at_least, own), (check, []))[1].append(loaded)
    return tuple(curves), tuple(_role_curves(suite, series, roles.values(), unmeasured)), tuple(unmeasured)


def _role_curves(
    suite: Suite,
    series: CheckpointSeries,
    roles: Iterable[tuple[RoleCheck, list[LoadedBehaviour]]],
    unmeasured: list[UnmeasuredCurve],
) -> Iterator[RoleCurve]:
    for check, behaviours in roles:
        at: list[RoleAtCheckpoint] = []
        least = check.role.at_least
        for label, name in zip(series.labels, series.measured, strict=True):
            try:
                with report_errors_at(f"role {check.name} on {name}", CLI_MEMORY_REMEDY):
                    binding = suite.binding(behaviours[0], name, check)
            except MiChecksError as error:
                report_cause(error)
                unmeasured.append(UnmeasuredCurve(f"role {check.name}", label, str(error)))
                break
            least = binding.at_least
            at.append(RoleAtCheckpoint(binding.ranked, tuple(binding.nodes)))
        else:
            names = tuple(loaded.behaviour.name for loaded in behaviours)
            yield RoleCurve(
                check.name, check.role.score, check.role.component, least, check.role.most, names, tuple(at)
            )
