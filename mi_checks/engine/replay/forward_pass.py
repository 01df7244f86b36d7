"""The uninterrupted runs that interventions depart from: computed as far as they are asked for, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mi_checks.engine.replay.few_positions import attend_from
from mi_checks.engine.transformer import Transformer


@dataclass(frozen=True)
class Written:
    """What one layer computes from z on; `prompt pos …`, or with one position for END alone.

    What the layers write is seldom asked for, and made only then.
    """

    model: Transformer
    layer: int
    z: Tensor
    resid_mid: Tensor
    mlp_in: Tensor
    resid_post: Tensor

    @cached_property
    def attn_out(self) -> Tensor:
        """What the attention layer writes."""
        return self.model.attention_out(self.layer, self.z)

    @cached_property
    def mlp_out(self) -> Tensor | None:
        """What the MLP writes."""
        return None if self.model.attn_only else self.model.mlp(self.layer, self.mlp_in)

    @property
    def neurons(self) -> Tensor | None:
        """The MLP's; four times as wide as the stream, so not kept."""
        return None if self.model.attn_only else self.model.neurons(self.layer, self.mlp_in)

    def of(self, rows: int, columns: int) -> Written:
        """The same at the first columns of the first rows."""
        parts = (self.z, self.resid_mid, self.mlp_in, self.resid_post)
        other = Written(self.model, self.layer, *(part[:rows, :columns] for part in parts))
        for name in {"attn_out", "mlp_out"} & self.__dict__.keys():
            made = self.__dict__[name]
            other.__dict__[name] = None if made is None else made[:rows, :columns]
        return other


class Since:
    """The same from a column on, each part put together only when it is asked for.

    Args:
        own: what the run computed itself, from the first column on that is not shared.
        twin: what it shares with, `Written` or `Since` from the same column on; None where nothing of it is needed.
        skipped: columns of its own that come before.
        shared: columns that are the twin's.
    """

    def __init__(self, own: Written, twin: Written | Since | None, skipped: int, shared: int) -> None:
        self._own, self._twin, self._skipped, self._shared = own, twin, skipped, shared

    @cached_property
    def z(self) -> Tensor:
        """As in `Written`, like all the rest."""
        return self._joined("z")

    @cached_property
    def attn_out(self) -> Tensor:
        """What the attention layer writes."""
        return self._joined("attn_out")

    @cached_property
    def resid_mid(self) -> Tensor:
        """The stream between attention and MLP."""
        return self._joined("resid_mid")

    @cached_property
    def mlp_in(self) -> Tensor:
        """What the MLP reads."""
        return self._joined("mlp_in")

    @cached_property
    def mlp_out(self) -> Tensor | None:
        """What the MLP writes."""
        return None if self._own.model.attn_only else self._joined("mlp_out")

    @cached_property
    def resid_post(self) -> Tensor:
        """The stream after the layer."""
        return self._joined("resid_post")

    @property
    def neurons(self) -> Tensor | None:
        """The MLP's; not kept."""
        return None if self._own.model.attn_only else self._own.model.neurons(self._own.layer, self.mlp_in)

    def _joined(self, part: str) -> Tensor:
        own: Tensor = getattr(self._own, part)
        if self._twin is None:
            return own[:, self._skipped :]
        return torch.cat([getattr(self._twin, part)[:, : self._shared], own], 1)


def write(model: Transformer, layer: int, resid: Tensor, z: Tensor) -> Written:
    """The rest of a layer, from its residual stream and z at some positions."""
    resid_mid = resid + model.attention_out(layer, z)
    mlp_in = model.mlp_in(resid, resid_mid)
    resid_post = resid_mid if model.attn_only else resid_mid + model.mlp(layer, mlp_in)
    return Written(model, layer, z, resid_mid, mlp_in, resid_post)


# What a layer pass keeps of all columns, and of those that its twin does not have.
WHOLE = ("resid_pre", "normed", "queries", "keys", "rotated_keys", "values")
TAILS = ("normed_tail", "queries_tail")


class LayerPass:
    """One layer of a forward pass, everything `prompt pos …`.

    Args:
        model: the model.
        layer: which layer.
        resid: the residual stream before it, of the columns that are not shared.
        positions: of the tokens, `prompt pos` or one row for all, negative for padding in front.
        end: the column of END, `prompt`.
        twin: the same layer of a run on prompts whose first `shared` tokens are the same: not computed again.
        shared: how many.
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
        self._kept: tuple[Tensor, Tensor] | None = None

    @cached_property
    def resid_pre(self) -> Tensor:
        """The residual stream before the layer."""
        return self._joined("resid_pre", self.resid_tail)

    @cached_property
    def normed(self) -> Tensor:
        """What queries, keys and values are projected from."""
        return self._joined("normed", self.normed_tail)

    @cached_property
    def normed_tail(self) -> Tensor:
        """The same from the first column on that the twin does not have."""
        return self.model.normed(self.layer, self.resid_tail)

    @cached_property
    def queries(self) -> Tensor:
        """Before rotation, `prompt pos head d_head`."""
        return self._joined("queries", self.queries_tail)

    @cached_property
    def queries_tail(self) -> Tensor:
        """The same from the first column on that the twin does not have."""
        return self._projected("q")

    @cached_property
    def keys(self) -> Tensor:
        """Before rotation, `prompt pos kv_head d_head`."""
        return self._joined("keys", self._projected("k"))

    @cached_property
    def rotated_keys(self) -> Tensor:
        """As queries meet them."""
        return self.model.rotated(self.keys, self.positions)

    @cached_property
    def values(self) -> Tensor:
        """`prompt pos kv_head d_head`."""
        return self._joined("values", self._projected("v"))

    def kept(self, start: int) -> tuple[Tensor, Tensor]:
        """Rotated keys and values before a column; of the last layer, whose others nobody needs, no more than these."""
        twin = self._twin
        if twin is not None and start <= self._shared:
            return twin.kept(start)
        if self.layer < self.model.n_layers - 1 or start <= 0:
            return self.rotated_keys[:, :start], self.values[:, :start]
        if self._kept is None or self._kept[0].shape[1] < start:
            # Asked for more than once, sweeps go by position: then all at once.
            until = start if self._kept is None else self.normed.shape[1]
            normed = self.normed[:, :until].contiguous()
            keys, values = (self.model.projected(self.layer, kind, normed) for kind in ("k", "v"))
            self._kept = self.model.rotated(keys, self.positions[:, :until]), values
        return self._kept[0][:, :start], self._kept[1][:, :start]

    @property
    def pattern(self) -> Tensor:
        """Attention, `prompt head destination source`; large, so not kept."""
        return self.model.pattern(
            self.model.rotated(self.queries, self.positions), self.positions, self.rotated_keys, self.positions
        )

    @cached_property
    def tail(self) -> Written:
        """The layer at the columns that are not shared."""
        positions = self.positions[:, self._shared :]
        queries = self.model.rotated(self.queries_tail, positions)
        z = self.model.attended(queries, positions, self.rotated_keys, self.values, self.positions)
        # Seldom asked for again, and then made again: half of what a run would keep.
        del self.queries_tail, self.normed_tail
        return write(self.model, self.layer, self.resid_tail, z)

    @cached_property
    def whole(self) -> Written | Since:
        """The layer at every column."""
        return self.after(0)

    def after(self, start: int) -> Written | Since:
        """The layer from a column on."""
        if self._twin is None and start == 0:
            return self.tail
        twin = None if self._twin is None or start >= self._shared else self._twin.after(start)
        return Since(self.tail, twin, max(0, start - self._shared), max(0, self._shared - start))

    @cached_property
    def at_end(self) -> Written:
        """The layer at END alone, keys and values never made."""
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
        return write(self.model, self.layer, self.resid_pre[end][:, None], z)

    def of(self, rows: int, columns: int, twin: LayerPass | None = None) -> LayerPass:
        """The same layer at the first columns of the first rows, with what was computed of it; padding is on the right.

        Args:
            rows: how many.
            columns: how many; the rows end within them.
            twin: that of the same rows and columns.
        """
        tail = columns - self._shared
        end, positions = self.end[:rows], self.positions[:rows, :columns]
        other = LayerPass(self.model, self.layer, self.resid_tail[:rows, :tail], positions, end, twin, self._shared)
        for name, value in self.__dict__.items():
            if name in WHOLE:
                other.__dict__[name] = value[:rows, :columns]
            elif name in TAILS:
                other.__dict__[name] = value[:rows, :tail]
            elif name in ("tail", "at_end"):
                other.__dict__[name] = value.of(rows, tail)
        return other

    def _projected(self, kind: str) -> Tensor:
        return self.model.projected(self.layer, kind, self.normed_tail)

    def _joined(self, name: str, tail: Tensor) -> Tensor:
        if self._twin is None or self._shared == 0:
            return tail
        return torch.cat([getattr(self._twin, name)[:, : self._shared], tail], 1)


class ForwardPass:
    """The uninterrupted clean or corrupt run, layer by layer.

    Args:
        model: the model.
        tokens: `prompt pos`.
        positions: of the tokens, `prompt pos` or one row for all, negative for padding in front.
        end: the column of END, `prompt`.
        twin: the run on the other side of the pairs, if it is to lend what both share.
        shared: up to which column the two sides' tokens are the same.
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

    def on(self, model: Transformer, since: int, twin: ForwardPass | None = None) -> ForwardPass:
        """The run of a model whose weights are others from a layer on, with the layers before it as they were run."""
        other = ForwardPass(model, self.tokens, self.positions, self.end, twin, self._shared)
        other._layers = [self[layer] for layer in range(since)]
        return other

    def of(self, rows: int, columns: int, twin: ForwardPass | None = None) -> ForwardPass:
        """The run of the first rows, as far as it was made; see `LayerPass.of`."""
        tokens, positions, end = self.tokens[:rows, :columns], self.positions[:rows, :columns], self.end[:rows]
        other = ForwardPass(self.model, tokens, positions, end, twin, self._shared)
        for layer, made in enumerate(self._layers):
            other._layers.append(made.of(rows, columns, None if twin is None else twin[layer]))
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
