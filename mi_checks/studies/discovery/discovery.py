"""The entry points of discovery, which drafts checks about the nodes that implement a behaviour in a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_prompts_and_guards import with_guards
from mi_checks.checks.measurements import Measurements
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.spec.behaviour import Behaviour, ModelEntry
from mi_checks.spec.check import NodeNames
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.studies.discovery.declared import refuse_absent
from mi_checks.studies.discovery.draft import Draft
from mi_checks.studies.discovery.drafting import draft, node_sets
from mi_checks.studies.discovery.exploring import Explorer, minimality_circuits
from mi_checks.studies.discovery.found import Found
from mi_checks.studies.discovery.held_out import HeldOut
from mi_checks.studies.discovery.samples import Samples, samples
from mi_checks.studies.discovery.settings import USUAL, Settings


class Interrupted(KeyboardInterrupt):
    """An interruption of discovery before its end.

    Attributes:
        kept: the number of cached measurements that the next run can use.
    """

    def __init__(self, kept: int) -> None:
        super().__init__(kept)
        self.kept = kept


@dataclass(frozen=True)
class Discovery:
    """The result of discovery for a behaviour on a model, with the claims that follow from it.

    Attributes:
        behaviour: the behaviour before the draft.
        model: the model's name.
        settings: the settings used.
        samples: the prompts.
        found: the result on one half of the prompts.
        draft: the claims that hold on the other half.
        seconds: the duration, excluding the loading of the model.
    """

    behaviour: Behaviour
    model: str
    settings: Settings
    samples: Samples
    found: Found
    draft: Draft
    seconds: float


def discover(
    loaded: LoadedBehaviour,
    model: str,
    settings: Settings = USUAL,
    *,
    progress: Progress = no_progress,
    store: CacheStore | None = None,
) -> Discovery:
    """Discover the nodes, paths and circuit that implement a behaviour in a model.

    Args:
        loaded: the behaviour.
        model: a name that `mi_checks.models.names.resolve` accepts; the file need not name it.
        settings: the amount of measurement and the thresholds.
        progress: shows the progress of a sweep.
        store: the cache of measurements, which is also written if the run is interrupted; None caches nothing.

    Raises:
        Interrupted: the run was interrupted; its measurements so far are in the cache.
        MiChecksError: there is no such model, the behaviour is declared absent from it, there are not enough prompts,
            or there is nothing to discover.
    """
    refuse_absent(loaded, model)
    loaded_model = with_guards(load(model), store)
    return explore(loaded.behaviour, loaded_model, settings, progress=progress, score=loaded.score, store=store)


def explore(
    behaviour: Behaviour,
    loaded_model: LoadedModel,
    settings: Settings = USUAL,
    *,
    progress: Progress = no_progress,
    score: Callable[..., Any] | None = None,
    store: CacheStore | None = None,
) -> Discovery:
    """Discover what implements a behaviour in a loaded model, whatever the behaviour declares; see `discover`."""
    began = time.perf_counter()
    drawn = samples(behaviour, loaded_model, settings)
    explorer = Explorer(behaviour, loaded_model, drawn, settings, progress, score, store)
    try:
        held_out, engine = explorer.measurements(behaviour, drawn.held_out)
        explorer.refuse_no_effect(held_out)
        found = explorer.found()
        sets: dict[str, NodeNames] = {
            name: tuple(map(str, nodes))
            for name, nodes in node_sets(behaviour, found, loaded_model.name).items()
            if nodes
        }
        binding = behaviour.model_copy(update={"models": {loaded_model.name: ModelEntry(nodes=sets)}})
        measured = Measurements(binding, loaded_model, drawn.held_out, engine)
        circuits = minimality_circuits(measured, engine, found, explorer.pace)
        drafted = draft(behaviour, found, HeldOut(measured, drawn.checks), settings.faithful, circuits)
    except KeyboardInterrupt:
        raise Interrupted(explorer.save()) from None
    except BaseException:
        explorer.save()
        raise
    explorer.save()
    return Discovery(behaviour, loaded_model.name, settings, drawn, found, drafted, seconds=time.perf_counter() - began)
