"""Forward passes without intervention, layer by layer: computed only as far as needed, and stored for replays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mi_checks.engine.transformer import Transformer, attend_from


@dataclass(frozen=True)
class LayerOutputs:
    """The results of one layer from z on; `prompt pos …`, or with one position for END alone.

    Each is computed when it is first needed: of the last layer, z is often all that is.
    """

    model: Transformer
    layer: int
    resid_pre: Tensor
    z: Tensor

    @cached_property
    def attn_out(self) -> Tensor:
        """Return what the attention layer writes."""
        return self.model.attention_out(self.layer, self.z)

    @cached_property
    def resid_mid(self) -> Tensor:
        """Return the stream between attention and MLP."""
        written = self.__dict__.get("attn_out")  # not stored for this sum, because it is rarely needed by itself
        return self.resid_pre + (self.model.attention_out(self.layer, self.z) if written is None else written)

    @property
    def mlp_in(self) -> Tensor:
        """Return the stream that the MLP reads."""
        return self.model.mlp_in(self.resid_pre, self.resid_mid)

    @cached_property
    def mlp_out(self) -> Tensor | None:
        """Return what the MLP writes."""
        return None if self.model.attn_only else self.model.mlp(self.layer, self.mlp_in)

    @cached_property
    def resid_post(self) -> Tensor:
        """Return the stream after the layer."""
        if self.model.attn_only:
            return self.resid_mid
        written = self.__dict__.get("mlp_out")
        return self.resid_mid + (self.model.mlp(self.layer, self.mlp_in) if written is None else written)

    @property
    def neurons(self) -> Tensor | None:
        """Return the MLP's neurons, which are not stored because they are four times as wide as the stream."""
        return None if self.model.attn_only else self.model.neurons(self.layer, self.mlp_in)

    def crop(self, rows: int, columns: int) -> LayerOutputs:
        """Return the results at the first columns of the first rows, as far as they have been computed."""
        other = LayerOutputs(self.model, self.layer, self.resid_pre[:rows, :columns], self.z[:rows, :columns])
        for name in {"attn_out", "resid_mid", "mlp_out", "resid_post"} & self.__dict__.keys():
            tensor = self.__dict__[name]
            other.__dict__[name] = None if tensor is None else tensor[:rows, :columns]
        return other


class LayerOutputsFrom:
    """The results of one layer from a column on, each of which is put together when it is first needed.

    Args:
        own: what the run computed itself, starting at the first column that is not shared.
        twin: the results of the run that it shares columns with, from the same column on; None if none are needed.
        skipped: number of columns of `own` before that column.
        shared: number of columns that are the twin's.
    """

    def __init__(
        self, own: LayerOutputs, twin: LayerOutputs | LayerOutputsFrom | None, skipped: int, shared: int
    ) -> None:
        self._own, self._twin, self._skipped, self._shared = own, twin, skipped, shared

    @cached_property
    def z(self) -> Tensor:
        """Return z, as in `LayerOutputs`."""
        return self._joined("z")

    @cached_property
    def attn_out(self) -> Tensor:
        """Return what the attention layer writes."""
        return self._joined("attn_out")

    @cached_property
    def resid_mid(self) -> Tensor:
        """Return the stream between attention and MLP."""
        return self._joined("resid_mid")

    @cached_property
    def mlp_in(self) -> Tensor:
        """Return the stream that the MLP reads."""
        return self._joined("mlp_in")

    @cached_property
    def mlp_out(self) -> Tensor | None:
        """Return what the MLP writes."""
        return None if self._own.model.attn_only else self._joined("mlp_out")

    @cached_property
    def resid_post(self) -> Tensor:
        """Return the stream after the layer."""
        return self._joined("resid_post")

    @property
    def neurons(self) -> Tensor | None:
        """Return the MLP's neurons, which are not stored."""
        return None if self._own.model.attn_only else self._own.model.neurons(self._own.layer, self.mlp_in)

    def _joined(self, part: str) -> Tensor:
        own: Tensor = getattr(self._own, part)
        if self._twin is None:
            return own[:, self._skipped :]
        return torch.cat([getattr(self._twin, part)[:, : self._shared], own], 1)


# What a layer pass stores of all columns, and what it stores of the columns that its twin does not have.
WHOLE_TENSORS = ("resid_pre", "normed", "queries", "keys", "rotated_keys", "values")
TAIL_TENSORS = ("normed_tail", "queries_tail")


class LayerPass:
    """One layer of a forward pass, with all tensors `prompt pos …`.

    Args:
        model: the model.
        layer: index of the layer.
        resid: the residual stream before the layer, in the columns that are not shared.
        positions: positions of the tokens, `prompt pos` or one row for all; negative for padding in front.
        end: the column of END, `prompt`.
        twin: the same layer of a run on prompts whose first `shared` tokens are the same; these are not computed again.
        shared: number of shared columns.
    """

    def __init__(
        self,
        model: Transformer,
        layer: int,
        resid: Tensor,
        positions: Tensor,
        end: Tensor,
        twin: LayerPass | None = None,
        shared: int = 0,
    ) -> None:
        self.model = model
        self.layer = layer
        self.resid_tail = resid
        self.positions = positions
        self.end = end
        self._twin = twin
        self._shared = 0 if twin is None else shared
        self._early_keys_and_values: tuple[Tensor, Tensor] | None = None

    @cached_property
    def resid_pre(self) -> Tensor:
        """Return the residual stream before the layer."""
        return self._joined("resid_pre", self.resid_tail)

    @cached_property
    def normed(self) -> Tensor:
        """Return the normed stream from which queries, keys and values are projected."""
        return self._joined("normed", self.normed_tail)

    @cached_property
    def normed_tail(self) -> Tensor:
        """Return the normed stream in the columns that the twin does not have."""
        return self.model.attention_input(self.layer, self.resid_tail)

    @cached_property
    def queries(self) -> Tensor:
        """Return the queries before any rotary embedding, `prompt pos head d_head`."""
        return self._joined("queries", self.queries_tail)

    @cached_property
    def queries_tail(self) -> Tensor:
        """Return the queries in the columns that the twin does not have."""
        return self._project_tail("q")

    @cached_property
    def keys(self) -> Tensor:
        """Return the keys before any rotary embedding, `prompt pos kv_head d_head`."""
        return self._joined("keys", self._project_tail("k"))

    @cached_property
    def rotated_keys(self) -> Tensor:
        """Return the keys after any rotary embedding, `prompt pos kv_head d_head`."""
        return self.model.rotate(self.keys, self.positions)

    @cached_property
    def values(self) -> Tensor:
        """Return the values, `prompt pos kv_head d_head`."""
        return self._joined("values", self._project_tail("v"))

    def keys_and_values_before(self, start: int) -> tuple[Tensor, Tensor]:
        """Return rotated keys and values before a column; the last layer computes no others, as nothing needs them."""
        twin = self._twin
        if twin is not None and start <= self._shared:
            return twin.keys_and_values_before(start)
        if self.layer < self.model.n_layers - 1 or start <= 0:
            return self.rotated_keys[:, :start], self.values[:, :start]
        if self._early_keys_and_values is None or self._early_keys_and_values[0].shape[1] < start:
            # A second request means that a sweep goes through the positions, so all columns are computed at once.
            until = start if self._early_keys_and_values is None else self.normed.shape[1]
            normed = self.normed[:, :until].contiguous()
            keys, values = (self.model.project(self.layer, kind, normed) for kind in ("k", "v"))
            self._early_keys_and_values = self.model.rotate(keys, self.positions[:, :until]), values
        return self._early_keys_and_values[0][:, :start], self._early_keys_and_values[1][:, :start]

    @property
    def pattern(self) -> Tensor:
        """Return the attention, `prompt head destination source`, which is not stored because it is large."""
        return self.model.pattern(
            self.model.rotate(self.queries, self.positions), self.positions, self.rotated_keys, self.positions
        )

    def pattern_of(self, head: int, rows: Tensor) -> Tensor:
        """Return the attention of one head in some prompts, `row destination source`."""
        positions = self.positions.expand(len(self.end), -1)[rows]
        shared = head // self.model.queries_per_key
        queries = self.model.rotate(self.queries[rows][:, :, head : head + 1], positions)
        scores = queries[:, :, 0] @ self.rotated_keys[rows][:, :, shared].mT
        return self.model.attention_probabilities(scores, positions, positions)

    @cached_property
    def tail(self) -> LayerOutputs:
        """Return the layer at the columns that are not shared."""
        positions = self.positions[:, self._shared :]
        queries = self.model.rotate(self.queries_tail, positions)
        z = self.model.attend(queries, positions, self.rotated_keys, self.values, self.positions)
        # Deleted, because they are half of a run's memory, rarely needed again, and can then be computed again.
        del self.queries_tail, self.normed_tail
        return LayerOutputs(self.model, self.layer, self.resid_tail, z)

    @cached_property
    def whole(self) -> LayerOutputs | LayerOutputsFrom:
        """Return the layer at every column."""
        return self.from_column(0)

    def from_column(self, start: int) -> LayerOutputs | LayerOutputsFrom:
        """Return the layer from a column on."""
        if self._twin is None and start == 0:
            return self.tail
        twin = None if self._twin is None or start >= self._shared else self._twin.from_column(start)
        return LayerOutputsFrom(self.tail, twin, max(0, start - self._shared), max(0, self._shared - start))

    @cached_property
    def at_end(self) -> LayerOutputs:
        """Return the layer at END alone, computed without keys and values."""
        rows = torch.arange(len(self.end), device=self.end.device)
        end = (rows, self.end)
        z = attend_from(
            self.model,
            self.layer,
            self.normed[end][:, None],
            self.positions.expand(len(rows), -1)[end],
            self.normed[:, None],
            self.positions,
        )
        return LayerOutputs(self.model, self.layer, self.resid_pre[end][:, None], z)

    def crop(self, rows: int, columns: int, twin: LayerPass | None = None) -> LayerPass:
        """Return the layer at the first columns of the first rows, with the results so far; padding is on the right.

        Args:
            rows: number of rows.
            columns: number of columns; the rows end within them.
            twin: the twin at the same rows and columns.
        """
        tail = columns - self._shared
        end, positions = self.end[:rows], self.positions[:rows, :columns]
        other = LayerPass(self.model, self.layer, self.resid_tail[:rows, :tail], positions, end, twin, self._shared)
        for name, value in self.__dict__.items():
            if name in WHOLE_TENSORS:
                other.__dict__[name] = value[:rows, :columns]
            elif name in TAIL_TENSORS:
                other.__dict__[name] = value[:rows, :tail]
            elif name in ("tail", "at_end"):
                other.__dict__[name] = value.crop(rows, tail)
        return other

    def _project_tail(self, kind: str) -> Tensor:
        return self.model.project(self.layer, kind, self.normed_tail)

    def _joined(self, name: str, tail: Tensor) -> Tensor:
        if self._twin is None or self._shared == 0:
            return tail
        return torch.cat([getattr(self._twin, name)[:, : self._shared], tail], 1)


class ForwardPass:
    """A clean or corrupted run without intervention, layer by layer.

    Args:
        model: the model.
        tokens: token ids, `prompt pos`.
        positions: positions of the tokens, `prompt pos` or one row for all; negative for padding in front.
        end: the column of END, `prompt`.
        twin: the run on the other side of the pairs, whose results for the shared columns are used; or None.
        shared: number of columns at the start in which the tokens of both sides are the same.
    """

    def __init__(
        self,
        model: Transformer,
        tokens: Tensor,
        positions: Tensor,
        end: Tensor,
        twin: ForwardPass | None = None,
        shared: int = 0,
    ) -> None:
        self.model = model
        self.tokens = tokens
        self.positions = positions
        self.end = end
        self._twin = twin
        self._shared = shared
        self._layers: list[LayerPass] = []

    def with_weights(self, model: Transformer, since: int, twin: ForwardPass | None = None) -> ForwardPass:
        """Return the run of a model with other weights from layer `since` on, which shares the layers before it."""
        other = ForwardPass(model, self.tokens, self.positions, self.end, twin, self._shared)
        other._layers = [self[layer] for layer in range(since)]
        return other

    def crop(self, rows: int, columns: int, twin: ForwardPass | None = None) -> ForwardPass:
        """Return the run of the first rows, with the layers computed so far; see `LayerPass.crop`."""
        tokens, positions, end = self.tokens[:rows, :columns], self.positions[:rows, :columns], self.end[:rows]
        other = ForwardPass(self.model, tokens, positions, end, twin, self._shared)
        for layer, layer_pass in enumerate(self._layers):
            other._layers.append(layer_pass.crop(rows, columns, None if twin is None else twin[layer]))
        return other

    def __getitem__(self, layer: int) -> LayerPass:
        while len(self._layers) <= layer:
            index = len(self._layers)
            shared = 0 if self._twin is None else self._shared
            if self._layers:
                resid = self._layers[-1].tail.resid_post
            else:
                resid = self.model.embed(self.tokens[:, shared:], self.positions[:, shared:])
            twin = None if self._twin is None else self._twin[index]
            self._layers.append(LayerPass(self.model, index, resid, self.positions, self.end, twin, self._shared))
        return self._layers[layer]
