"""The evidence that a report shows, from the measurements of a behaviour on a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import SequenceMatcher
from functools import partial
from statistics import mean

import numpy as np

from mi_checks.checks.curve import cmd_interval, cpr_interval
from mi_checks.checks.effect import effect
from mi_checks.checks.measurements import Measurements, Sweep, SweepPlace
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import Node
from mi_checks.engine.readout import SideRun
from mi_checks.faults.omissions import Omissions, require_storable
from mi_checks.prompts.batch import END, Prompt, PromptBatch
from mi_checks.results.evidence import (
    HEAD_SWEEP,
    Curve,
    CurvePoint,
    Evidence,
    Example,
    Heatmap,
    Mediator,
    Prediction,
    Rank,
    TokenView,
)
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.node_checks import MediatorsCheck
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME
from mi_checks.stats.intervals import NoEffectSize, mean_interval, ratio_intervals
from mi_checks.suite.evidence.circuit_evidence import circuit, has_effect_size

MAX_MEDIATORS = 12  # strongest heads of a sweep that are listed
MAX_HEATMAP_NEURONS = 24  # strongest neurons of a sweep that are shown

MEDIATOR_LIST = "the list of mediators"  # as omissions name it


def gather(loaded: LoadedBehaviour, measured: Measurements, omitted: Omissions) -> Evidence:
    """Return everything that was measured for one behaviour on one model.

    Args:
        loaded: the behaviour.
        measured: the measurements.
        omitted: records what cannot be measured and is left out.

    Raises:
        MiChecksError: not even the effect can be measured.
    """
    behaviour = loaded.behaviour
    name = measured.loaded_model.name
    # Fractions of an effect size that may be due to rounding are not drawn.
    has_effect = abs(measured.unpatched.effect_size.mean()) > measured.floor.mean
    sweeps = sorted(measured.sweeps.values(), key=_sweep_order) if has_effect else []
    shown = effect(measured)
    logit_diff = mean_interval(
        measured.unpatched.clean.logit_diff, score_unit(measured.batch.score), measured.design, cache=measured.intervals
    )
    require_storable("the effect", (shown, logit_diff))
    heatmaps = [omitted.attempt("a heat map", partial(_heatmap, sweep, measured), None) for sweep in sweeps]
    of_heads = [sweep for sweep in sweeps if sweep.nodes[0].kind == "head"]
    mediators = omitted.attempt(
        MEDIATOR_LIST, lambda: tuple(m for sweep in of_heads for m in _strongest_mediators(sweep)), ()
    )
    return Evidence(
        behaviour=behaviour.name,
        model=name,
        summary=behaviour.summary,
        source=behaviour.source or "",
        declared="absent" if behaviour.is_absent(name) else "present",
        yaml=loaded.text,
        yaml_path=loaded.source.display_path,
        marks=behaviour.marks,
        n=len(measured.batch),
        logit_diff=logit_diff,
        effect=shown,
        examples=omitted.attempt(
            "the list of example prompts",
            lambda: tuple(_example(measured, index, rank) for rank, index in measured.example_pairs.items()),
            (),
        ),
        heatmaps=tuple(heatmap for heatmap in heatmaps if heatmap is not None),
        mediators=mediators,
        score=measured.batch.score,
        effect_sizes=tuple(measured.unpatched.effect_size.tolist()),
        omitted=omitted.sentences,
        mediators_known=mediators_known(omitted),
    )


def mediators_known(omitted: Omissions) -> bool:
    """Return whether the mediating heads could be measured, as far as it was attempted."""
    return not (omitted.has(HEAD_SWEEP) or omitted.has(MEDIATOR_LIST))


def with_drawings(evidence: Evidence, measured: Measurements, on_few: Measurements, omitted: Omissions) -> Evidence:
    """Return the evidence with what is measured only for drawings: the circuit, and a map of layers × labels.

    Args:
        evidence: the evidence so far.
        measured: the measurements.
        on_few: the same claims on few of the prompts.
        omitted: records what cannot be measured and is left out.
    """
    shown = omitted.attempt("the map of layers and labels", lambda: position_map(on_few), None)
    maps = evidence.heatmaps if shown is None else (*evidence.heatmaps, shown)
    drawn_circuit = omitted.attempt("the circuit", lambda: circuit(measured, on_few, omitted), None)
    return replace(evidence, circuit=drawn_circuit, heatmaps=maps)


def curves(measured: Measurements) -> tuple[Curve, ...]:
    """Return the faithfulness curves that checks have measured."""
    return tuple(
        Curve(
            among=among,
            ablation=ablation,
            nodes=curve.sizes[-1],
            points=tuple(
                map(
                    CurvePoint,
                    curve.sizes,
                    ratio_intervals(
                        *(curve.restored_scores, curve.span, curve.design),
                        *(CIRCUIT_EFFECT_NAME, curve.floor, measured.intervals),
                    ),
                )
            ),
            cpr=cpr_interval(curve),
            cmd=cmd_interval(curve),
        )
        for (among, ablation), curve in measured.curves.items()
    )


def _sweep_order(sweep: Sweep) -> tuple[bool, str, list[str]]:
    """Return a sort key: heads before neurons, and all positions before single labels."""
    return sweep.nodes[0].kind != "head", sweep.at or "", list(map(str, sweep.nodes))


def _strongest_mediators(sweep: Sweep) -> list[Mediator]:
    try:
        return [Mediator(str(node), sweep.at or "", fraction) for node, fraction in sweep.strongest(MAX_MEDIATORS)]
    except NoEffectSize:
        return []


def _example(measured: Measurements, index: int, rank: Rank) -> Example:
    pair = measured.batch.pairs[index]
    unpatched = measured.unpatched
    return Example(
        clean=_token_views(pair.clean, pair.corrupt),
        corrupt=_token_views(pair.corrupt, pair.clean),
        answers=pair.answers,
        foils=pair.foils,
        clean_logit_diff=float(unpatched.clean.logit_diff[index]),
        corrupt_logit_diff=float(unpatched.corrupt.logit_diff[index]),
        clean_top=_top_predictions(unpatched.clean, index, measured),
        corrupt_top=_top_predictions(unpatched.corrupt, index, measured),
        prompt=index,
        rank=rank,
    )


def _token_views(prompt: Prompt, other: Prompt) -> tuple[TokenView, ...]:
    differs = _differing_positions(prompt.tokens, other.tokens)
    return tuple(TokenView(piece, prompt.label_at(i), i in differs) for i, piece in enumerate(prompt.pieces))


def _differing_positions(tokens: tuple[int, ...], others: tuple[int, ...]) -> set[int]:
    """Return the positions whose token differs in the other prompt or is missing there."""
    if len(tokens) == len(others):
        return {i for i, (own, other) in enumerate(zip(tokens, others, strict=True)) if own != other}
    blocks = SequenceMatcher(None, tokens, others, autojunk=False).get_matching_blocks()
    return set(range(len(tokens))) - {i for block in blocks for i in range(block.a, block.a + block.size)}


def _top_predictions(side: SideRun, index: int, measured: Measurements) -> tuple[Prediction, ...]:
    return tuple(Prediction(measured.loaded_model.tokenization.piece(token), p) for token, p in side.guesses(index))


def _heatmap(sweep: Sweep, measured: Measurements) -> Heatmap:
    where = f" at {sweep.at}" if sweep.at else ""
    layers = sorted({node.layer for node in sweep.nodes})
    rows = tuple(f"L{layer}" for layer in layers)
    if sweep.nodes[0].kind == "neuron":
        strongest = np.sort(np.argsort(-np.abs(sweep.fractions))[:MAX_HEATMAP_NEURONS])
        columns = tuple(str(sweep.nodes[i]) for i in strongest)
        values = tuple(
            tuple(float(sweep.fractions[i]) if sweep.nodes[i].layer == layer else None for i in strongest)
            for layer in layers
        )
        title = f"fraction recovered, strongest {len(columns)} of {len(sweep.nodes)} neurons{where}"
        return Heatmap(title, rows, columns, values, "neuron", sweep.at or "")
    heads = range(measured.loaded_model.shape.n_heads)
    fractions = sweep.fractions.tolist()
    by_place = {(node.layer, node.index): fraction for node, fraction in zip(sweep.nodes, fractions, strict=True)}
    values = tuple(tuple(by_place.get((layer, head)) for head in heads) for layer in layers)
    component = sweep.nodes[0].kind
    n = len(sweep.effect_size)
    few = f", on {n} of {len(measured.batch)} prompts" if n < len(measured.batch) else ""
    title = f"fraction recovered by each {component}{where}{few}"
    return Heatmap(title, rows, tuple(f"H{head}" for head in heads), values, component, sweep.at or "")


def sweep_for_report(measured: Measurements, on_few: Callable[[], Measurements], omitted: Omissions) -> None:
    """Denoise, one at a time, all nodes among which a check looks for mediators; if none does, all heads.

    Heat maps, circuits and the mediators of baselines need these sweeps. The number of their prompts is decided here:
    a sweep of heads that a check tests as a whole (`mediators` with `exactly`) is of all prompts, whether or not the
    check runs; any other is of as many as a drawing needs (`circuit_evidence.path_prompts`). Nothing is swept if the
    behaviour claims nothing about nodes. If a sweep fails, it is left out, and none is tried again.

    Args:
        measured: the measurements, to which the sweeps are added.
        on_few: returns the same claims on few of the prompts.
        omitted: records what failed.
    """
    name = measured.loaded_model.name
    if measured.behaviour.is_absent(name):
        return
    claims = measured.behaviour.checks_for(name)
    if omitted.has(HEAD_SWEEP) or all(check.kind in BEHAVIOUR_KINDS for check in claims):
        return
    with omitted.suppressing(HEAD_SWEEP):
        if measured.unpatched.effect_size.mean() <= 0:
            return
        for check in claims:
            if isinstance(check, MediatorsCheck):
                place = SweepPlace(check.component, check.layers, check.at)
                if check.exactly is None:
                    measured.show_sweep(place, on_few)
                elif check.component == "head":
                    measured.sweep(*place)
        if not any(place.component == "head" for place in measured.sweeps):
            measured.show_sweep(SweepPlace("head", at=measured.default_position), on_few)


MAX_MAP_LABELS = 12  # columns
MAX_MAP_LAYERS = 12  # rows; of a deeper model, evenly spaced layers


def position_map(on_few: Measurements) -> Heatmap | None:
    """Return the fraction that the residual stream before each layer recovers when denoised at one label alone.

    The result is None if there is no effect size to recover, or no label except END.

    Args:
        on_few: measurements on the prompts that a circuit's paths are measured on.
    """
    columns = _label_columns(on_few.batch)
    if len(columns) < 2 or not has_effect_size(on_few):
        return None
    shown = _shown_columns(columns)
    n_layers = on_few.loaded_model.shape.n_layers
    layers = [round(float(layer)) for layer in np.linspace(0, n_layers - 1, min(n_layers, MAX_MAP_LAYERS))]
    streams = [denoise(Node(layer, "resid_pre"), at=label) for layer in layers for label in shown.values()]
    moved = on_few.logit_diffs(streams, "positions") - on_few.unpatched.corrupt.logit_diff
    fractions = (moved.mean(1) / on_few.unpatched.effect_size.mean()).reshape(len(layers), len(shown))
    which = "each layer" if len(layers) == n_layers else f"{len(layers)} of {n_layers} layers"
    where = "each label" if len(shown) == len(columns) else f"{len(shown)} of {len(columns)} labels"
    return Heatmap(
        f"fraction recovered by the residual stream before {which}, at {where}, on {len(on_few.batch)} prompts",
        tuple(f"L{layer}" for layer in layers),
        tuple(shown),
        tuple(tuple(row) for row in fractions.tolist()),
        "resid_pre",
    )


def _label_columns(batch: PromptBatch) -> dict[str, str]:
    """Return a label for each column name, in the order of their positions in the prompts, END last."""
    sides = [(pair.clean.labels, pair.corrupt.labels) for pair in batch.pairs]
    everywhere = [label for label in sides[0][0] if all(label in clean for clean, _ in sides)]
    places = {label: tuple((clean[label], corrupt[label]) for clean, corrupt in sides) for label in everywhere}
    together: dict[tuple[object, ...], list[str]] = {}
    for label in sorted(everywhere, key=lambda label: (label == END, mean(clean[0] for clean, _ in places[label]))):
        together.setdefault(places[label], []).append(label)
    ordered = sorted(together.values(), key=lambda labels: labels[-1] == END)
    return {" ".join(labels): labels[-1] for labels in ordered}


def _shown_columns(columns: dict[str, str]) -> dict[str, str]:
    """Return the first columns and the last one, which is that of END."""
    if len(columns) <= MAX_MAP_LABELS:
        return columns
    names = list(columns)
    return {name: columns[name] for name in (*names[: MAX_MAP_LABELS - 1], names[-1])}
