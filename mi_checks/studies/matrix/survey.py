"""The effect of every behaviour on every model, from unpatched runs alone, without interventions and without pytest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mi_checks.compare.neighbouring_models import EffectMatrix, UnmeasuredCell
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import CLI_MEMORY_REMEDY, report_cause, report_errors_at
from mi_checks.models.model_names import resolve
from mi_checks.output.progress import Progress, no_progress
from mi_checks.results.evidence import Effect
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.suite.selection import is_skipped, models_of
from mi_checks.suite.threads import limit_to_one_thread

if TYPE_CHECKING:
    from mi_checks.suite.suite import Suite

BehaviourOnModel = tuple[LoadedBehaviour, str]


def survey(
    behaviours: Sequence[LoadedBehaviour],
    models: Sequence[str] = (),
    *,
    only: Collection[str] | None = None,
    count: int | None = None,
    seed: int | None = None,
    cache_folder: Path | None = None,
    progress: Progress = no_progress,
) -> EffectMatrix:
    """Measure each behaviour on the models given, or on those it names, restricted to `only` if that is given.

    What cannot be measured is left out, with the reason. Measurements that an earlier run cached in `cache_folder` are
    reused.
    """
    suite = new_suite(count, seed, cache_folder)
    effects: list[Effect] = []
    unmeasured: list[UnmeasuredCell] = []
    cells = [(each, model) for each in behaviours for model in models_of(each, models)]
    cells = [(each, model) for each, model in cells if only is None or model in only]
    for loaded, model in progress(cells, len(cells), "behaviours on models"):
        try:
            with report_errors_at(f"{loaded.behaviour.name} on {model}", CLI_MEMORY_REMEDY):
                suite.measurements(loaded, model)
                evidence = suite.close(loaded, model)
        except MiChecksError as error:
            report_cause(error)
            claims = resolve(model).claims
            skipped = is_skipped(error, loaded, claims)
            unmeasured.append(UnmeasuredCell(loaded.behaviour.name, claims, str(error), skipped))
        else:
            effects += [evidence.effect] if evidence is not None else []
    return EffectMatrix(tuple(effects), tuple(unmeasured))


def new_suite(count: int | None = None, seed: int | None = None, cache_folder: Path | None = None) -> Suite:
    """Return a suite without measurements, outside pytest; with a folder, it uses the cache there."""
    limit_to_one_thread()
    from mi_checks.cache.cache_store import CacheStore
    from mi_checks.suite.loaded_models import SuiteSettings
    from mi_checks.suite.suite import Suite

    return Suite(SuiteSettings(count, seed), store=None if cache_folder is None else CacheStore(cache_folder))
