"""A behaviour and a model → what carries the one in the other, as a draft of checks with its evidence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mi_checks.cache.kept_guards import guarded
from mi_checks.cache.store import Store
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.engine import Progress, no_progress
from mi_checks.models.load_model import load
from mi_checks.models.subject import Subject
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
    """Discovery was stopped before its end.

    Attributes:
        kept: how many measurements the next run recalls.
    """

    def __init__(self, kept: int) -> None:
        super().__init__(kept)
        self.kept = kept


@dataclass(frozen=True)
class Discovery:
    """What was found of a behaviour on a model, and the claims that it amounts to.

    Attributes:
        behaviour: the behaviour as it was.
        model: the model's name.
        settings: what was asked for.
        samples: the prompts.
        found: what was found on one half of them.
        draft: what holds on the other.
        seconds: how long it took, the loading of the model aside.
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
    store: Store | None = None,
) -> Discovery:
    """Find what carries a behaviour on a model.

    Args:
        loaded: the behaviour.
        model: as `mi_checks.models.names.resolve` takes it; the file need not name it.
        settings: how much is measured, and what counts as found.
        progress: shows how far a sweep is.
        store: keeps measurements for the next run, also of a run that is stopped; None keeps nothing.

    Raises:
        Interrupted: it was stopped; what was measured until then is kept in the store.
        MiChecksError: there is no such model, the behaviour is declared absent from it, there are not enough prompts,
            or there is nothing to discover.
    """
    refuse_absent(loaded, model)
    subject = guarded(load(model), store)
    return explore(loaded.behaviour, subject, settings, progress=progress, score=loaded.score, store=store)


def explore(
    behaviour: Behaviour,
    subject: Subject,
    settings: Settings = USUAL,
    *,
    progress: Progress = no_progress,
    score: Callable[..., Any] | None = None,
    store: Store | None = None,
) -> Discovery:
    """Find what carries a behaviour on a loaded model, whatever the behaviour declares of it; see `discover`."""
    began = time.perf_counter()
    drawn = samples(behaviour, subject, settings)
    explorer = Explorer(behaviour, subject, drawn, settings, progress, score, store)
    try:
        held_out, engine = explorer.measurements(behaviour, drawn.held_out)
        explorer.refuse_no_effect(held_out)
        found = explorer.found()
        sets: dict[str, NodeNames] = {
            name: tuple(map(str, nodes)) for name, nodes in node_sets(behaviour, found, subject.name).items() if nodes
        }
        binding = behaviour.model_copy(update={"models": {subject.name: ModelEntry(nodes=sets)}})
        measured = Measurements(binding, subject, drawn.held_out, engine)
        circuits = minimality_circuits(measured, engine, found, explorer.pace)
        drafted = draft(behaviour, found, HeldOut(measured, drawn.checks), settings.faithful, circuits)
    except KeyboardInterrupt:
        raise Interrupted(explorer.save()) from None
    except BaseException:
        explorer.save()
        raise
    explorer.save()
    return Discovery(behaviour, subject.name, settings, drawn, found, drafted, seconds=time.perf_counter() - began)
