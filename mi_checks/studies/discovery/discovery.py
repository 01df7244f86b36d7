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
from mi_checks.studies.discovery.discovery_options import DEFAULT_OPTIONS, DiscoveryOptions, require_not_absent
from mi_checks.studies.discovery.discovery_prompts import DiscoveryPrompts, draw_prompts
from mi_checks.studies.discovery.drafting import Draft, make_draft, node_sets
from mi_checks.studies.discovery.explorer import Explorer, minimality_circuits
from mi_checks.studies.discovery.held_out_claims import ClaimVerifier
from mi_checks.studies.discovery.mechanism import Mechanism


class DiscoveryInterrupted(KeyboardInterrupt):
    """An interruption of discovery before its end.

    Attributes:
        n_cached: the number of cached measurements that the next run can use.
    """

    def __init__(self, n_cached: int) -> None:
        super().__init__(n_cached)
        self.n_cached = n_cached


@dataclass(frozen=True)
class Discovery:
    """The result of discovery for a behaviour on a model, with the claims that follow from it.

    Attributes:
        behaviour: the behaviour before the draft.
        model: the model's name.
        options: the options used.
        prompts: the prompts.
        mechanism: what was discovered on one half of the prompts.
        draft: the claims that hold on the other half.
        seconds: the duration, excluding the loading of the model.
    """

    behaviour: Behaviour
    model: str
    options: DiscoveryOptions
    prompts: DiscoveryPrompts
    mechanism: Mechanism
    draft: Draft
    seconds: float


def discover(
    loaded: LoadedBehaviour,
    model: str,
    options: DiscoveryOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
    store: CacheStore | None = None,
) -> Discovery:
    """Discover the nodes, paths and circuit that implement a behaviour in a model.

    Args:
        loaded: the behaviour.
        model: a name that `mi_checks.models.model_names.resolve` accepts; the file need not name it.
        options: the amount of measurement and the thresholds.
        progress: shows the progress of a sweep.
        store: the cache of measurements, which is also written if the run is interrupted; None caches nothing.

    Raises:
        Interrupted: the run was interrupted; its measurements so far are in the cache.
        MiChecksError: there is no such model, the behaviour is declared absent from it, there are not enough prompts,
            or there is nothing to discover.
    """
    require_not_absent(loaded, model)
    loaded_model = with_guards(load(model), store)
    return explore(loaded.behaviour, loaded_model, options, progress=progress, score=loaded.score, store=store)


def explore(
    behaviour: Behaviour,
    loaded_model: LoadedModel,
    options: DiscoveryOptions = DEFAULT_OPTIONS,
    *,
    progress: Progress = no_progress,
    score: Callable[..., Any] | None = None,
    store: CacheStore | None = None,
) -> Discovery:
    """Discover what implements a behaviour in a loaded model, whatever the behaviour declares; see `discover`."""
    began = time.perf_counter()
    prompts = draw_prompts(behaviour, loaded_model, options)
    explorer = Explorer(behaviour, loaded_model, prompts, options, progress, score, store)
    try:
        held_out, engine = explorer.measurements(behaviour, prompts.held_out)
        explorer.refuse_no_effect(held_out)
        mechanism = explorer.discover_mechanism()
        sets: dict[str, NodeNames] = {
            name: tuple(map(str, nodes))
            for name, nodes in node_sets(behaviour, mechanism, loaded_model.name).items()
            if nodes
        }
        binding = behaviour.model_copy(update={"models": {loaded_model.name: ModelEntry(nodes=sets)}})
        measured = Measurements(binding, loaded_model, prompts.held_out, engine)
        circuits = minimality_circuits(measured, engine, mechanism, explorer.budget)
        drafted = make_draft(
            behaviour, mechanism, ClaimVerifier(measured, prompts.n_check_pairs), options.faithful, circuits
        )
    except KeyboardInterrupt:
        raise DiscoveryInterrupted(explorer.save()) from None
    except BaseException:
        explorer.save()
        raise
    explorer.save()
    return Discovery(
        behaviour, loaded_model.name, options, prompts, mechanism, drafted, seconds=time.perf_counter() - began
    )
