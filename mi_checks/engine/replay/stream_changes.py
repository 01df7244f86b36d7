"""Entries: where interventions on single nodes first change the residual stream, and by how much.

Patching a query, key, value or pattern amounts to patching z: attention is computed once for all heads with that part
replaced, and each variant uses its own head's z. A path ends in the change of what its receiver then writes.
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


def stream_change(runs: StoredRuns, alike: list[Intervention], start: int) -> StreamChange | None:
    """Return where interventions enter that differ only in the index of their node (and of their path's receivers).

    Args:
        runs: the clean and the corrupted run.
        alike: the interventions, one variant each.
        start: the first changed column.

    Returns:
        The entry, or None if the interventions change nothing that reaches END.
    """
    first = alike[0]
    node = first.nodes[0]
    if not first.into:
        return written_change(runs, first, [i.nodes[0] for i in alike], start, ends=node.layer == runs.last)
    senders = sorted({i.nodes[0] for i in alike})
    entry = written_change(runs, first, senders, start, ends=_read_at_end(runs, first.into[0]))
    which = torch.tensor([senders.index(i.nodes[0]) for i in alike], device=runs.device)
    for depth, (receiver, *_) in enumerate(first.hops):
        if entry is None:
            return None
        sent = entry.delta
        if _read_at_end(runs, receiver) and depth and entry.layer < runs.last:
            sent = sent[runs.rows, :, runs.end - start][:, :, None]
        entry = _receiver_change(runs, first, [i.hops[depth][0] for i in alike], sent, which, start)
        which = torch.arange(len(alike), device=runs.device)
    return entry


def _read_at_end(runs: StoredRuns, receiver: Node) -> bool:
    """Return whether a receiver matters only at END."""
    return receiver.kind == "logits" or (receiver.layer == runs.last and receiver.kind in ("q", "mlp"))


def _receiver_change(
    runs: StoredRuns, how: Intervention, receivers: list[Node], sent: Tensor, which: Tensor, start: int
) -> StreamChange | None:
    """Return the change in what one receiver per variant writes if it alone sees a change, within one layer and kind.

    Args:
        runs: the clean and the corrupted run.
        how: one of the interventions.
        receivers: the receiver of each variant, `variant`.
        sent: the changes, `row sender pos d_model`; only END for receivers that matter only there.
        which: the index of the change that each variant's receiver sees, `variant`.
        start: the first changed column.
    """
    receiver = receivers[0]
    if receiver.kind == "logits":
        return StreamChange(runs.last, "post", sent[:, which])
    if receiver.kind == "mlp":
        return _mlp_receiver_change(runs, how, receiver.layer, sent[:, which], start, ends=receiver.layer == runs.last)
    heads = torch.tensor([one.index for one in receivers], device=runs.device)
    return _head_receiver_change(runs, how, receiver, sent, which, heads, start)


def written_change(
    runs: StoredRuns, how: Intervention, nodes: list[Node], start: int, *, ends: bool
) -> StreamChange | None:
    """Return the change in what nodes of one layer and kind write, from `start` on, or at END if only END is read."""
    node, model = nodes[0], runs.model
    if node.kind == "resid_pre" and not how.into:
        ends = False  # because the last layer's keys and values read it at every position
    part = node.kind in HEAD_PARTS
    change = (
        _z_change(runs, how, node, start, ends=ends) if part else _activation_change(runs, how, node, start, ends=ends)
    )
    if not bool(change.any()):
        return None
    before_mlp = part or node.kind in ("head", "attn", "resid_mid")
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


def _activation_change(runs: StoredRuns, how: Intervention, node: Node, start: int, *, ends: bool) -> Tensor:
    """Return new minus old activations of a layer where the intervention acts, `row pos …`."""
    mask = runs.mask(how.run, how.at)
    if ends and node.layer == runs.last and how.value in ("clean", "corrupt", "zero"):
        own = runs.activation_at_end(how.run, node)
        new = torch.zeros_like(own) if how.value == "zero" else runs.activation_at_end(how.value, node)
        mask = runs.from_column(mask, start, ends=True)
    elif how.value in ("clean", "corrupt") and not ends and node.kind != "resid_pre" and not runs.batch.by_labels:
        own, new, mask = (
            runs.activation_from(how.run, node, start),
            runs.activation_from(how.value, node, start),
            mask[:, start:],
        )
    else:
        own, new = runs.activation(how.run, node), runs.replacement(how, node)
        own, new, mask = (runs.from_column(x, start, ends=ends) for x in (own, new, mask))
    return torch.where(mask.view(*mask.shape, *[1] * (own.dim() - 2)), new - own, 0)


def _z_change(runs: StoredRuns, how: Intervention, node: Node, start: int, *, ends: bool) -> Tensor:
    """Return new minus old z of all heads, each with its q, k, v or pattern replaced, `row pos head d_head`."""
    model, layer = runs.model, runs.passes[how.run][node.layer]
    at_end = ends and node.layer == runs.last
    own = runs.activation(how.run, node)
    new = torch.where(runs.mask(how.run, how.at)[:, :, None, None], runs.replacement(how, node), own)

    def destinations(x: Tensor) -> Tensor:
        return runs.from_column(x, start, ends=at_end)

    values, own_positions = new if node.kind == "v" else layer.values, runs.layouts[how.run].positions
    if node.kind == "pattern":
        pattern = destinations(new).transpose(1, 2)
    else:
        positions = destinations(own_positions)
        queries = model.rotate(destinations(new if node.kind == "q" else layer.queries), positions)
        keys = model.rotate(new, own_positions) if node.kind == "k" else layer.rotated_keys
        pattern = model.pattern(queries, positions, keys, own_positions)
    change = model.mix_values(pattern, values) - (layer.at_end.z if at_end else layer.from_column(start).z)
    return change[runs.rows, runs.end - start][:, None] if ends and not at_end else change


def _mlp_receiver_change(
    runs: StoredRuns, how: Intervention, layer: int, delta: Tensor, start: int, *, ends: bool
) -> StreamChange:
    """Return the change in what an MLP writes if it alone sees a change, `row variant pos d_model`."""
    run = runs.passes[how.run][layer]
    written = run.at_end if ends else run.from_column(start)
    if written.mlp_out is None:
        raise ValueError(f"{runs.loaded_model.name} has no MLP, so no path into one")
    return StreamChange(
        layer, "post", runs.model.mlp(layer, written.mlp_in[:, None] + delta) - written.mlp_out[:, None]
    )


def _head_receiver_change(
    runs: StoredRuns, how: Intervention, receiver: Node, sent: Tensor, which: Tensor, heads: Tensor, start: int
) -> StreamChange | None:
    """Return the change in what heads write if one query, key or value of each sees one sender's change.

    Args:
        runs: the clean and the corrupted run.
        how: one of the interventions.
        receiver: one of the inputs.
        sent: the change in what each sender writes, `row sender pos d_model`; only END for the last layer's queries.
        which: the index of the sender of each variant, `variant`.
        heads: the index of the query, key or value that sees the change, `variant`.
        start: the first changed column.
    """
    model = runs.model
    run = runs.passes[how.run][receiver.layer]
    ends = receiver.layer == runs.last

    def destinations(x: Tensor) -> Tensor:
        return runs.from_column(x, start, ends=ends)

    resid = destinations(run.resid_pre) if receiver.kind == "q" else run.resid_pre[:, start:]
    seen = model.attention_input(receiver.layer, resid[:, None] + sent)
    new = model.project(receiver.layer, receiver.kind, seen)  # prompt sender pos head d_head
    new = new.transpose(2, 3)[:, which, heads]  # prompt variant pos d_head
    group = 1 if receiver.kind == "q" else model.queries_per_key  # number of query heads that share the replaced input
    if group > 1:
        new = new.repeat_interleave(group, 1)
        heads = (heads[:, None] * group + torch.arange(group, device=heads.device)).flatten()
    shared = heads // model.queries_per_key

    own_positions = runs.layouts[how.run].positions
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
    own = run.at_end.z if ends else run.from_column(start).z
    change = pattern @ values - own[:, :, heads].transpose(1, 2)  # prompt variant pos d_head
    delta = torch.einsum("pvsh,vhd->pvsd", change, model.w_o(receiver.layer)[heads])
    if group > 1:
        delta = delta.unflatten(1, (-1, group)).sum(2)
    return StreamChange(receiver.layer, "post" if model.parallel else "mid", delta) if bool(delta.any()) else None


def _rotate(model: Transformer, x: Tensor, positions: Tensor) -> Tensor:
    """Return queries or keys of one head per variant, `row variant pos d_head`, rotated."""
    return model.rotate(x.transpose(1, 2), positions).transpose(1, 2)
