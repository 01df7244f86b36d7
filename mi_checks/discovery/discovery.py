"""A behaviour and a model → what carries the one in the other, as a draft of checks with its evidence."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from mi_checks.checks.circuits import Circuits
from mi_checks.checks.measurements import Measurements
from mi_checks.discovery.declared import refuse_absent
from mi_checks.discovery.draft import Draft
from mi_checks.discovery.drafting import draft, node_sets
from mi_checks.discovery.found import Found
from mi_checks.discovery.held_out import HeldOut
from mi_checks.discovery.mediation import mediation
from mi_checks.discovery.naming import named
from mi_checks.discovery.neurons import neurons, unaccounted
from mi_checks.discovery.paths import Paths, paths
from mi_checks.discovery.pruning import prune
from mi_checks.discovery.redundancy import ablations
from mi_checks.discovery.samples import Samples, samples
from mi_checks.discovery.settings import SCREENED, SEARCHED, USUAL, Settings
from mi_checks.engine.attribution_patching import attribution_patching
from mi_checks.engine.choose import choose
from mi_checks.engine.engine import Engine, Progress, no_progress
from mi_checks.engine.interventions import Ablated
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.load import load
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch
from mi_checks.recall.guards import guarded
from mi_checks.spec.behaviour import Behaviour, ModelEntry
from mi_checks.spec.check import NodeNames
from mi_checks.spec.load import LoadedBehaviour
from mi_checks.spec.scoring import score_unit
from mi_checks.stats import NoGap, mean_interval, ratio_interval


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
    loaded: LoadedBehaviour, model: str, settings: Settings = USUAL, *, progress: Progress = no_progress
) -> Discovery:
    """Find what carries a behaviour on a model.

    Args:
        loaded: the behaviour.
        model: as `mi_checks.models.names.resolve` takes it; the file need not name it.
        settings: how much is measured, and what counts as found.
        progress: shows how far a sweep is.

    Raises:
        MiChecksError: there is no such model, the behaviour is declared absent from it, there are not enough prompts,
            or there is nothing to discover.
    """
    refuse_absent(loaded, model)
    return explore(loaded.behaviour, guarded(load(model), None), settings, progress=progress, score=loaded.score)


def explore(
    behaviour: Behaviour,
    subject: Subject,
    settings: Settings = USUAL,
    *,
    progress: Progress = no_progress,
    score: Callable[..., Any] | None = None,
) -> Discovery:
    """`discover` on a model that is loaded, whatever the behaviour declares of it."""
    began = time.perf_counter()
    drawn = samples(behaviour, subject, settings)

    def measurements(of: Behaviour, batch: PromptBatch) -> tuple[Measurements, Engine]:
        engine = choose("auto", subject, batch, progress, None, score)
        return Measurements(of, subject, batch, engine), engine

    found = _found(behaviour, drawn, settings, measurements)
    sets: dict[str, NodeNames] = {
        name: tuple(map(str, nodes)) for name, nodes in node_sets(behaviour, found, subject.name).items() if nodes
    }
    binding = behaviour.model_copy(update={"models": {subject.name: ModelEntry(nodes=sets)}})
    held_out, _ = measurements(binding, drawn.held_out)
    drafted = draft(behaviour, found, HeldOut(held_out, drawn.checks))
    return Discovery(behaviour, subject.name, settings, drawn, found, drafted, seconds=time.perf_counter() - began)


Measuring = Callable[[Behaviour, PromptBatch], tuple[Measurements, Engine]]


def _found(behaviour: Behaviour, drawn: Samples, settings: Settings, measurements: Measuring) -> Found:
    batch, above = drawn.found_on, settings.above
    measured, engine = measurements(behaviour, batch)
    none = _no_gap(measured)
    if none:
        raise MiChecksError(
            f"{behaviour.name} on {measured.subject.name}: there is nothing to discover: {none} "
            f"({len(batch)} prompt pairs, seed {drawn.seed})"
        )

    def of_first(count: int) -> Measurements:
        fewer = replace(batch, pairs=batch.pairs[:count])
        return measured if len(batch) <= count else measurements(behaviour, fewer)[0]

    search = of_first(SEARCHED)
    search = measured if _no_gap(search) else search
    heads = mediation(measured.sweep("head", at=measured.everywhere), above)
    cells = neurons(measured, lambda: attribution_patching(engine, "neuron", measured.everywhere), above)
    layers = [Node(layer, "mlp") for layer in range(measured.subject.shape.n_layers)]
    mlps = None if cells is None else mediation(measured.alone(layers, measured.everywhere, "MLP layers"), above)
    share = dict(zip(heads.sweep.nodes, heads.sweep.shares.tolist(), strict=True))
    kind: Ablated = "mean" if drawn.equally_long else "zero"
    known = [head for head in heads.sweep.nodes if head in heads.found or head in heads.unsure]
    ablated = ablations(search, of_first(SCREENED), heads.sweep.nodes, known, above, kind)
    strength = {head: max(abs(share[head]), abs(ablated.removed(head).value)) for head in share}
    found = Found(
        gap=mean_interval(measured.base.gap, "logits"),
        at=measured.everywhere,
        heads=heads,
        neurons=cells,
        mlps=mlps,
        ablated_by=kind,
        ablations=ablated,
        paths=Paths(),
        circuit=prune(Circuits(search, kind=kind), Circuits(measured, kind=kind), strength, settings.faithful),
        roles={},
    )
    senders = unaccounted(mlps, cells) if mlps is not None and cells is not None else ()
    carrying = paths(measured, found.nodes, senders, above, parallel=engine.parallel)
    return replace(found, paths=carrying, roles=named(measured.subject, found.nodes))


def _no_gap(measured: Measurements) -> str:
    """Why no share of clean − corrupt can be had; nothing where one can."""
    try:
        ratio_interval(measured.base.gap, measured.base.gap)
    except NoGap as none:
        return none.in_unit(score_unit(measured.batch.score))
    return ""
