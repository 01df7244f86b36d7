"""Inner hops of a path: the change in what several heads and MLPs write if their inputs see a change."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mi_checks.engine.interventions import Hop, Side
from mi_checks.engine.nodes import Kind
from mi_checks.engine.replay.kept_runs import KeptRuns


def passed_on(runs: KeptRuns, side: Side, hops: list[Hop], sent: Tensor, start: int) -> Tensor:
    """Return the summed change in what the receivers of each variant's hop write, none of them seeing another's.

    Args:
        runs: the clean and the corrupted run.
        side: the run that is patched.
        hops: the receivers of each variant.
        sent: the change that they see in addition to the run's stream, `row variant pos d_model`.
        start: the first changed column.

    Returns:
        `row variant pos d_model`.
    """
    total = torch.zeros_like(sent)
    for layer in sorted({node.layer for hop in hops for node in hop}):
        receivers = [(i, node.kind, node.index) for i, hop in enumerate(hops) for node in hop if node.layer == layer]
        heads = [(i, kind, index) for i, kind, index in receivers if kind != "mlp"]
        if heads:
            total += _by_heads(runs, side, layer, heads, sent, start)
        mlps = [i for i, kind, _ in receivers if kind == "mlp"]
        if mlps:
            written = runs.passes[side][layer].after(start)
            if written.mlp_out is None:
                raise ValueError(f"{runs.loaded_model.name} has no MLP, so no path into one")
            total[:, mlps] += runs.model.mlp(layer, written.mlp_in[:, None] + sent[:, mlps]) - written.mlp_out[:, None]
    return total


def _by_heads(
    runs: KeptRuns,
    side: Side,
    layer: int,
    receivers: Sequence[tuple[int, Kind, int | None]],
    sent: Tensor,
    start: int,
) -> Tensor:
    """Return the change in what a layer's heads write, `row variant pos d_model`.

    Args:
        runs: the clean and the corrupted run.
        side: the run that is patched.
        layer: index of the layer.
        receivers: (variant, q, k or v, index).
        sent: the change that they see, `row variant pos d_model`.
        start: the first changed column.
    """
    model, run = runs.model, runs.passes[side][layer]
    rows, variants, width, _ = sent.shape
    seen = model.normed(layer, run.resid_pre[:, None, start:] + sent)
    inputs: dict[str, Tensor] = {}
    for kind, own in (("q", run.queries[:, start:]), ("k", run.keys), ("v", run.values)):
        inputs[kind] = own[:, None].repeat(1, variants, 1, 1, 1)
        chosen = [(variant, index) for variant, at, index in receivers if at == kind]
        if chosen:
            which, index = (list(part) for part in zip(*chosen, strict=True))
            new = model.projected(layer, kind, seen)  # row variant pos head d_head
            inputs[kind][:, which, -width:, index] = new[:, which, :, index]
    columns = runs.columns[side]
    sources = columns if len(columns) == 1 else columns.repeat_interleave(variants, 0)
    queries, keys, values = (inputs[kind].flatten(0, 1) for kind in ("q", "k", "v"))
    queries, keys = model.rotated(queries, sources[:, start:]), model.rotated(keys, sources)
    z = model.attended(queries, sources[:, start:], keys, values, sources).unflatten(0, (rows, variants))
    change = (z - run.after(start).z[:, None]).flatten(-2)
    return torch.matmul(change, model.w_o(layer).flatten(0, 1))
