"""Measurements → where in the prompt, and how deep in the model, what tells clean from corrupt stands."""

from __future__ import annotations

from statistics import mean

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.results.evidence import Heatmap
from mi_checks.suite.evidence.circuit_evidence import has_effect_size

LABELS = 12  # columns at most
LAYERS = 12  # rows at most: of a deep model some, as far apart as each other


def position_map(on_few: Measurements) -> Heatmap | None:
    """Return the fraction that the residual stream before each layer recovers when denoised at one label alone.

    None where there is no effect size to recover, or no label but END.

    Args:
        on_few: measurements on the prompts that a circuit's paths are measured on.
    """
    columns = _columns(on_few.batch)
    if len(columns) < 2 or not has_effect_size(on_few):
        return None
    shown = _chosen(columns)
    n_layers = on_few.loaded_model.shape.n_layers
    layers = [round(float(layer)) for layer in np.linspace(0, n_layers - 1, min(n_layers, LAYERS))]
    streams = [denoise(Node(layer, "resid_pre"), at=label) for layer in layers for label in shown.values()]
    moved = on_few.logit_diffs(streams, "positions") - on_few.base.corrupt.logit_diff
    shares = (moved.mean(1) / on_few.base.effect_size.mean()).reshape(len(layers), len(shown))
    which = "each layer" if len(layers) == n_layers else f"{len(layers)} of {n_layers} layers"
    where = "each label" if len(shown) == len(columns) else f"{len(shown)} of {len(columns)} labels"
    return Heatmap(
        f"share recovered by the residual stream before {which}, at {where}, on {len(on_few.batch)} prompts",
        tuple(f"L{layer}" for layer in layers),
        tuple(shown),
        tuple(tuple(row) for row in shares.tolist()),
        "resid_pre",
    )


def _columns(batch: PromptBatch) -> dict[str, str]:
    """Return a label for each column name, in the order in which they stand in the prompts, END last."""
    sides = [(pair.clean.labels, pair.corrupt.labels) for pair in batch.pairs]
    everywhere = [label for label in sides[0][0] if all(label in clean for clean, _ in sides)]
    places = {label: tuple((clean[label], corrupt[label]) for clean, corrupt in sides) for label in everywhere}
    together: dict[tuple[object, ...], list[str]] = {}
    for label in sorted(everywhere, key=lambda label: (label == END, mean(clean[0] for clean, _ in places[label]))):
        together.setdefault(places[label], []).append(label)
    ordered = sorted(together.values(), key=lambda labels: labels[-1] == END)
    return {" ".join(labels): labels[-1] for labels in ordered}


def _chosen(columns: dict[str, str]) -> dict[str, str]:
    """Return the first columns, and the last one, which is END's."""
    if len(columns) <= LABELS:
        return columns
    names = list(columns)
    return {name: columns[name] for name in (*names[: LABELS - 1], names[-1])}
