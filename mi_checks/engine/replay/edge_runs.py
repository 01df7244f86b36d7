"""Edge circuits from the weights: the residual stream of each reader separately, for many circuits at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.interventions import EdgeCircuit, ablate, readers, senders
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.engine.replay.forward_pass import LayerOutputs, LayerOutputsFrom
from mi_checks.engine.replay.stored_runs import StoredRuns


class EdgeCircuitRuns:
    """The runs of circuits with the same ablation value, and the same choice of whether MLPs are nodes.

    Everything is stored as its difference from the clean run, so that contributions of no node need no treatment. In
    the last layer, only END is computed.

    Args:
        runs: the clean and the corrupted run.
        circuits: the circuits, one variant each.
    """

    def __init__(self, runs: StoredRuns, circuits: Sequence[EdgeCircuit]) -> None:
        self.runs = runs
        self.model = runs.model
        self.circuits = circuits
        self.mlps = circuits[0].mlps and not runs.model.attn_only
        self.masks = self._masks()
        # What senders write in the circuits' own runs minus their ablated output, in the order of `senders`; with one
        # variant if all circuits write the same.
        self.sender_changes: list[Tensor] = []  # each `row variant sender pos d_model`
        nothing = torch.zeros((), device=runs.device, dtype=runs.model.weights["embed.weight"].dtype)
        # The stream without what edges carry, and the stream of the circuits' own runs, each minus the clean stream,
        # `row variant pos d_model`.
        self.change_seen_by_all = self.own_change = nothing

    def final_streams(self) -> Tensor:
        """Return the stream that the logits see at END, `row variant d_model`."""
        for layer in range(self.runs.last + 1):
            self._heads(layer)
            if not self.model.attn_only:
                self._mlp(layer)
        clean = self.runs.passes["clean"][self.runs.last].at_end.resid_post
        streams = self._streams(LOGITS.layer, "logits", clean, only_end=True)[:, :, 0, 0]
        return streams.expand(-1, len(self.circuits), -1)

    def _heads(self, layer: int) -> None:
        model, only_end = self.model, layer == self.runs.last
        clean, head = self._clean_outputs(layer).z[:, None], Node(layer, "head", 0)
        z = self._attention(layer) if layer else clean
        ablated = self._ablated(head, only_end=only_end)[:, None]
        w_o = model.w_o(layer)  # head d_head d_model
        self.sender_changes.append(torch.einsum("bvphe,hed->bvhpd", z - ablated, w_o))
        seen_before = self._columns(self.change_seen_by_all, only_end=only_end)
        self.change_seen_by_all = seen_before + (ablated - clean).flatten(-2) @ w_o.flatten(0, 1)
        if layer and not self.mlps and not model.attn_only:
            own_before = self._columns(self.own_change, only_end=only_end)
            self.own_change = own_before + (z - clean).flatten(-2) @ w_o.flatten(0, 1)

    def _attention(self, layer: int) -> Tensor:
        """Return z of a layer whose q, k and v each see their own stream, `row variant pos head d_head`."""
        model, run, last = self.model, self.runs.passes["clean"][layer], layer == self.runs.last
        inputs = []
        for kind in ("q", "k", "v"):
            only_end = last and kind == "q"
            clean = self.runs.from_column(run.resid_pre, 0, only_end=only_end)
            if self.all_write_alike:
                inputs.append(self._combined(layer, kind, clean, only_end=only_end))
                continue
            # row variant reader pos d_model
            seen = model.attention_input(layer, self._streams(layer, kind, clean, only_end=only_end))
            weight, bias = model.projection(layer, kind)
            new = torch.einsum("bvrpd,rhd->bvprh", seen, weight)
            inputs.append(new if bias is None else new + bias)
        variants = max(part.shape[1] for part in inputs)
        queries, keys, values = (part.expand(-1, variants, -1, -1, -1).flatten(0, 1) for part in inputs)
        columns = self.runs.columns["clean"]
        columns = columns.expand(len(self.runs.rows), -1)
        sources = columns.repeat_interleave(variants, 0)
        destinations = self.runs.from_column(columns, 0, only_end=last).repeat_interleave(variants, 0)
        queries, keys = model.rotate(queries, destinations), model.rotate(keys, sources)
        z = model.attend(queries, destinations, keys, values, sources)
        by_variant: Tensor = z.unflatten(0, (len(self.runs.rows), variants))
        return by_variant

    def _mlp(self, layer: int) -> None:
        only_end = layer == self.runs.last
        written = self._clean_outputs(layer)
        if written.mlp_out is None:
            return
        clean = written.mlp_out[:, None]
        if not self.mlps and not layer:  # the stream has not changed before the first MLP
            return
        if not self.mlps:
            own = self.model.mlp(layer, written.mlp_in[:, None] + self.own_change)
            self.own_change = self.own_change + own - clean
            self.change_seen_by_all = self.change_seen_by_all + own - clean
            return
        seen = self._streams(layer, "mlp", written.mlp_in, only_end=only_end)[:, :, 0]
        own = self.model.mlp(layer, seen)
        ablated = self._ablated(Node(layer, "mlp"), only_end=only_end)[:, None]
        self.sender_changes.append((own - ablated)[:, :, None])
        self.change_seen_by_all = self.change_seen_by_all + ablated - clean

    def _streams(self, layer: int, kind: str, clean: Tensor, *, only_end: bool) -> Tensor:
        """Return the stream as a layer's readers of one kind see it, `row variant reader pos d_model`."""
        streams = (clean[:, None] + self._columns(self.change_seen_by_all, only_end=only_end))[:, :, None]
        masks, first_sender = self.masks[layer, kind], 0  # variant reader sender
        for part in self.sender_changes:
            mask = masks[..., first_sender : first_sender + part.shape[2]]
            first_sender += part.shape[2]
            if not bool(mask.any()):
                continue
            columns = self._columns(part, only_end=only_end)
            flat = columns.flatten(3)
            shared_by_variants = flat.shape[1] == 1  # a single product for all variants, instead of one for each copy
            seen = (mask.flatten(0, 1) @ flat[:, 0]).unflatten(1, mask.shape[:2]) if shared_by_variants else mask @ flat
            streams = streams + seen.unflatten(-1, columns.shape[3:])
        return streams

    @property
    def all_write_alike(self) -> bool:
        """Return whether all circuits write the same so far, so that they differ only in who sees what."""
        return all(part.shape[1] == 1 for part in self.sender_changes) and self.change_seen_by_all.shape[1] == 1

    def _combined(self, layer: int, kind: str, clean: Tensor, *, only_end: bool) -> Tensor:
        """Return queries, keys or values, `row variant pos reader d_head`, if all circuits write the same.

        A projection of a sum is the sum of projections, and the sum's norm follows from products of its parts, so that
        no reader's stream is ever computed.
        """
        model = self.model
        parts = [(clean[:, None] + self._columns(self.change_seen_by_all, only_end=only_end))[:, 0, None]]
        parts += [self._columns(part, only_end=only_end)[:, 0] for part in self.sender_changes]
        senders = torch.cat(parts, 1)  # row 1+sender pos d_model
        masks = self.masks[layer, kind][..., : senders.shape[1] - 1]
        masks = torch.cat([torch.ones_like(masks[..., :1]), masks], -1)  # variant reader 1+sender
        projected, products, bias = model.project_parts(layer, kind, senders)
        seen = torch.einsum("vrs,bsprh->bvprh", masks, projected)
        if products is not None:  # row pos 1+sender 1+sender
            pairs = (masks[..., :, None] * masks[..., None, :]).flatten(2)
            square = torch.einsum("vrs,bps->bvpr", pairs, products.flatten(2))
            seen = seen * torch.rsqrt(square + model.norm_eps)[..., None]
        return seen if bias is None else seen + bias

    def _columns(self, x: Tensor, *, only_end: bool) -> Tensor:
        """Return all positions of `row … pos d_model`, or only END; in the last layer there is nothing else."""
        if not only_end or x.dim() == 0 or x.shape[-2] == 1:
            return x
        return x.movedim(-2, 1)[self.runs.rows, self.runs.end].unsqueeze(-2)

    def _clean_outputs(self, layer: int) -> LayerOutputs | LayerOutputsFrom:
        run = self.runs.passes["clean"][layer]
        return run.at_end if layer == self.runs.last else run.whole

    def _ablated(self, node: Node, *, only_end: bool) -> Tensor:
        new = self.runs.stored_replacement(ablate(node, kind=self.circuits[0].value), node)
        return self.runs.from_column(new, 0, only_end=only_end)

    def _masks(self) -> dict[tuple[int, str], Tensor]:
        """Return which senders each reader sees, (layer, kind) of readers → `variant reader sender`."""
        shape, embedded = self.runs.loaded_model.shape, self.model.weights["embed.weight"]
        place = {sender: index for index, sender in enumerate(senders(shape, mlps=self.mlps))}
        counts = Counter((reader.layer, reader.kind) for reader in readers(shape, mlps=self.mlps))
        masks = {group: np.zeros((len(self.circuits), count, len(place))) for group, count in counts.items()}
        for variant, circuit in enumerate(self.circuits):
            for sender, reader in circuit.edges:
                masks[reader.layer, reader.kind][variant, reader.index or 0, place[sender]] = 1
        return {group: torch.from_numpy(mask).to(embedded) for group, mask in masks.items()}
