"""Stream changes: where interventions on single nodes first change the residual stream, and by how much.

Patching a query, key, value or pattern amounts to patching z: attention is computed once for all heads with that part
replaced, and each variant uses its own head's z. A path ends in the change of what its last receiver writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import HEAD_PARTS, Node
from mi_checks.engine.replay.stored_runs import StoredRuns
from mi_checks.engine.transformer import Transformer

StreamPoint = Literal["pre", "mid", "post"]


@dataclass(frozen=True)
class StreamChange:
    """The changes that variants make to the residual stream.

    Attributes:
        layer: the layer.
        point: before the layer, between its attention and its MLP, or after it.
        delta: `row variant pos d_model`, from the first changed column on; in the last layer only END, unless the point
            is before the layer.
    """

    layer: int
    point: StreamPoint
    delta: Tensor


def stream_change(runs: StoredRuns, interventions: list[Intervention], start: int) -> StreamChange | None:
    """Return the change by interventions that differ only in the index of their node (and of their path's receivers).

    Args:
        runs: the clean and the corrupted run.
        interventions: the interventions, one variant each.
        start: the first changed column.

    Returns:
        The change of the residual stream, or None if nothing that reaches END changes.
    """
    first = interventions[0]
    node = first.nodes[0]
    if not first.into:
        return written_change(runs, first, [i.nodes[0] for i in interventions], start, only_end=node.layer == runs.last)
    senders = sorted({i.nodes[0] for i in interventions})
    entry = written_change(runs, first, senders, start, only_end=_read_at_end(runs, first.into[0]))
    sender_of_variant = torch.tensor([senders.index(i.nodes[0]) for i in interventions], device=runs.device)
    for depth, (receiver, *_) in enumerate(first.hops):
        if entry is None:
            return None
        sent_change = entry.delta
        if _read_at_end(runs, receiver) and depth and entry.layer < runs.last:
            sent_change = sent_change[runs.rows, :, runs.end - start][:, :, None]
        entry = _receiver_change(
            runs, first, [i.hops[depth][0] for i in interventions], sent_change, sender_of_variant, start
        )
        sender_of_variant = torch.arange(len(interventions), device=runs.device)
    return entry


def _read_at_end(runs: StoredRuns, receiver: Node) -> bool:
    """Return whether a receiver matters only at END."""
    return receiver.kind == "logits" or (receiver.layer == runs.last and receiver.kind in ("q", "mlp"))


def _receiver_change(
    runs: StoredRuns,
    common: Intervention,
    receivers: list[Node],
    sent_change: Tensor,
    sender_of_variant: Tensor,
    start: int,
) -> StreamChange | None:
    """Return the change in what one receiver per variant writes if it alone sees a change, within one layer and kind.

    Args:
        runs: the clean and the corrupted run.
        common: one of the interventions.
        receivers: the receiver of each variant, `variant`.
        sent_change: the changes, `row sender pos d_model`; only END for receivers that matter only there.
        sender_of_variant: the index of the change that each variant's receiver sees, `variant`.
        start: the first changed column.
    """
    receiver = receivers[0]
    if receiver.kind == "logits":
        return StreamChange(runs.last, "post", sent_change[:, sender_of_variant])
    if receiver.kind == "mlp":
        return _mlp_receiver_change(
            runs, common, receiver.layer, sent_change[:, sender_of_variant], start, only_end=receiver.layer == runs.last
        )
    heads = torch.tensor([one.index for one in receivers], device=runs.device)
    return _head_receiver_change(runs, common, receiver, sent_change, sender_of_variant, heads, start)


def written_change(
    runs: StoredRuns, common: Intervention, nodes: list[Node], start: int, *, only_end: bool
) -> StreamChange | None:
    """Return the change in what nodes of one layer and kind write, from `start` on, or at END if only END is read."""
    node, model = nodes[0], runs.model
    if node.kind == "resid_pre" and not common.into:
        only_end = False  # because the last layer's keys and values read it at every position
    is_head_part = node.kind in HEAD_PARTS
    change_of = _z_change if is_head_part else _activation_change
    change = change_of(runs, common, node, start, only_end=only_end)
    if not bool(change.any()):
        return None
    before_mlp = is_head_part or node.kind in ("head", "attn", "resid_mid")
    point: StreamPoint = "pre" if node.kind == "resid_pre" else "mid" if before_mlp and not model.parallel else "post"
    if node.index is None:
        return StreamChange(node.layer, point, change[:, None].expand(-1, len(nodes), -1, -1))
    index = torch.tensor([n.index for n in nodes], device=runs.device)
    if node.kind == "neuron":
        delta = change[..., index].transpose(1, 2)[..., None] * model.w_out(node.layer)[index][:, None]
        return StreamChange(node.layer, point, delta)
    w_o = model.w_o(node.layer)  # head d_head d_model
    if node.kind in ("k", "v"):  # all heads of the group that shares the key or value
        change = change.unflatten(2, (model.n_kv_heads, -1)).flatten(3)
        w_o = w_o.unflatten(0, (model.n_kv_heads, -1)).flatten(1, 2)
    return StreamChange(node.layer, point, torch.einsum("psvh,vhd->pvsd", change[:, :, index], w_o[index]))


def _activation_change(runs: StoredRuns, common: Intervention, node: Node, start: int, *, only_end: bool) -> Tensor:
    """Return new minus old activations of a layer where the intervention acts, `row pos …`."""
    mask = runs.mask(common.run, common.at)
    at_end = runs.replacement_at_end(common, node) if only_end and node.layer == runs.last else None
    if at_end is not None:
        own, new = runs.activation_at_end(common.run, node), at_end
        mask = runs.from_column(mask, start, only_end=True)
    elif common.value in ("clean", "corrupt") and not (only_end or node.kind == "resid_pre" or runs.batch.by_labels):
        own, new = (runs.activation_from(side, node, start) for side in (common.run, common.value))
        mask = mask[:, start:]
    else:
        own, new = runs.activation(common.run, node), runs.replacement(common, node)
        own, new, mask = (runs.from_column(x, start, only_end=only_end) for x in (own, new, mask))
    return torch.where(mask.view(*mask.shape, *[1] * (own.dim() - 2)), new - own, 0)


def _z_change(runs: StoredRuns, common: Intervention, node: Node, start: int, *, only_end: bool) -> Tensor:
    """Return new minus old z of all heads, each with its q, k, v or pattern replaced, `row pos head d_head`."""
    model, layer = runs.model, runs.passes[common.run][node.layer]
    at_end = only_end and node.layer == runs.last
    own = runs.activation(common.run, node)
    new = torch.where(runs.mask(common.run, common.at)[:, :, None, None], runs.replacement(common, node), own)

    def destinations(x: Tensor) -> Tensor:
        return runs.from_column(x, start, only_end=at_end)

    values, own_positions = new if node.kind == "v" else layer.values, runs.layouts[common.run].positions
    if node.kind == "pattern":
        pattern = destinations(new).transpose(1, 2)
    else:
        positions = destinations(own_positions)
        queries = model.rotate(destinations(new if node.kind == "q" else layer.queries), positions)
        keys = model.rotate(new, own_positions) if node.kind == "k" else layer.rotated_keys
        pattern = model.pattern(queries, positions, keys, own_positions)
    change = model.mix_values(pattern, values) - (layer.at_end.z if at_end else layer.from_column(start).z)
    return change[runs.rows, runs.end - start][:, None] if only_end and not at_end else change


def _mlp_receiver_change(
    runs: StoredRuns, common: Intervention, layer: int, delta: Tensor, start: int, *, only_end: bool
) -> StreamChange:
    """Return the change in what an MLP writes if it alone sees a change, `row variant pos d_model`."""
    run = runs.passes[common.run][layer]
    written = run.at_end if only_end else run.from_column(start)
    if written.mlp_out is None:
        raise ValueError(f"{runs.loaded_model.name} has no MLP, so no path into one")
    return StreamChange(
        layer, "post", runs.model.mlp(layer, written.mlp_in[:, None] + delta) - written.mlp_out[:, None]
    )


def _head_receiver_change(
    runs: StoredRuns,
    common: Intervention,
    receiver: Node,
    sent_change: Tensor,
    sender_of_variant: Tensor,
    heads: Tensor,
    start: int,
) -> StreamChange | None:
    """Return the change in what heads write if one query, key or value of each sees one sender's change.

    Args:
        runs: the clean and the corrupted run.
        common: one of the interventions.
        receiver: one of the inputs.
        sent_change: the change in what each sender writes, `row sender pos d_model`; only END for last-layer queries.
        sender_of_variant: the index of the sender of each variant, `variant`.
        heads: the index of the query, key or value that sees the change, `variant`.
        start: the first changed column.
    """
    model = runs.model
    run = runs.passes[common.run][receiver.layer]
    only_end = receiver.layer == runs.last

    def destinations(x: Tensor) -> Tensor:
        return runs.from_column(x, start, only_end=only_end)

    resid = destinations(run.resid_pre) if receiver.kind == "q" else run.resid_pre[:, start:]
    seen = model.attention_input(receiver.layer, resid[:, None] + sent_change)
    new = model.project(receiver.layer, receiver.kind, seen)  # prompt sender pos head d_head
    new = new.transpose(2, 3)[:, sender_of_variant, heads]  # prompt variant pos d_head
    group = 1 if receiver.kind == "q" else model.queries_per_key  # number of query heads that share the replaced input
    if group > 1:
        new = new.repeat_interleave(group, 1)
        heads = (heads[:, None] * group + torch.arange(group, device=heads.device)).flatten()
    shared = heads // model.queries_per_key

    own_positions = runs.layouts[common.run].positions
    positions = destinations(own_positions)
    if receiver.kind == "q":
        queries = _rotate(model, new, positions)
    else:
        queries = model.rotate(destinations(run.queries), positions)[:, :, heads].transpose(1, 2)
    keys = run.rotated_keys[:, :, shared].transpose(1, 2)
    if receiver.kind == "k":
        keys = torch.cat([keys[:, :, :start], _rotate(model, new, own_positions[:, start:])], 2)
    values = run.values[:, :, shared].transpose(1, 2)
    if receiver.kind == "v":
        values = torch.cat([values[:, :, :start], new], 2)
    pattern = model.attention_probabilities(queries @ keys.mT, positions[:, None], own_positions[:, None])
    own = run.at_end.z if only_end else run.from_column(start).z
    change = pattern @ values - own[:, :, heads].transpose(1, 2)  # prompt variant pos d_head
    delta = torch.einsum("pvsh,vhd->pvsd", change, model.w_o(receiver.layer)[heads])
    if group > 1:
        delta = delta.unflatten(1, (-1, group)).sum(2)
    return StreamChange(receiver.layer, "post" if model.parallel else "mid", delta) if bool(delta.any()) else None


def _rotate(model: Transformer, x: Tensor, positions: Tensor) -> Tensor:
    """Return queries or keys of one head per variant, `row variant pos d_head`, rotated."""
    return model.rotate(x.transpose(1, 2), positions).transpose(1, 2)
