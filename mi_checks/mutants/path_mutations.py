"""Mutations that cut a path: the receivers no longer see what the senders can write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import ALL_ROWS, Mutation, WeightEditor, conjugate, first_layer, head_slice
from mi_checks.spec.problems import comma_list

CUTTABLE_KINDS = ("head", "neuron")  # senders that write into few directions; a whole layer writes into all of them


@dataclass(frozen=True)
class CutPath(Mutation):
    """Receivers whose inputs ignore the directions that the senders write into, whatever else is written there.

    Only the scale of the receivers' norm still depends on the senders.

    Attributes:
        senders: heads or neurons.
        receivers: queries, keys or values of heads, MLPs, or the logits.
    """

    senders: tuple[Node, ...]
    receivers: tuple[Node, ...]

    @property
    def description(self) -> str:
        """Return a clause that names senders and receivers."""
        senders = f"{comma_list(self.senders)} {conjugate(self.senders, 'write')}"
        return f"{comma_list(self.receivers)} cannot see what {senders}"

    def first_changed_layer(self, model: Transformer, /) -> int:
        """Return the layer of the first receiver."""
        logits = all(receiver.kind == "logits" for receiver in self.receivers)
        return model.n_layers if logits else first_layer(r for r in self.receivers if r.kind != "logits")

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with W − W B Bᵀ as input weights; B: an orthonormal basis of the senders' normed outputs."""
        edited = WeightEditor(model)
        for receiver in self.receivers:
            block = f"blocks.{receiver.layer}"
            if receiver.kind == "logits":
                matrices, norm, place = ["unembed"], "ln_final", ALL_ROWS
            elif receiver.kind == "mlp":
                matrices, norm, place = [f"{block}.mlp.in", f"{block}.mlp.gate"], f"{block}.ln2", ALL_ROWS
            else:
                matrices, norm = [f"{block}.attn.{receiver.kind}"], f"{block}.ln1"
                place = head_slice(model, int(receiver.index or 0))
            seen = _basis(self._written(model), model, norm)
            for matrix in matrices:
                edited.edit(f"{matrix}.weight", partial(_remove_directions, place=place, basis=seen))
        return edited.model

    def _written(self, model: Transformer) -> Tensor:
        """Return the directions in the residual stream that the senders write into, `direction d_model`."""
        return torch.cat(
            [
                model.w_o(sender.layer)[sender.index]
                if sender.kind == "head"
                else model.w_out(sender.layer)[sender.index][None]
                for sender in self.senders
            ]
        )


def _basis(directions: Tensor, model: Transformer, norm: str) -> Tensor:
    """Return an orthonormal basis of what a norm makes of directions, `d_model basis`, float64."""
    seen = directions.double()
    final = norm == "ln_final"
    if model.centres(final=final):
        seen = seen - seen.mean(-1, keepdim=True)
    if model.norm_kind(final=final) is not None:
        weight = model.weights.get(f"{norm}.weight")
        seen = seen if weight is None else seen * weight.double()
    _, sizes, axes = torch.linalg.svd(seen, full_matrices=False)
    basis: Tensor = axes[sizes > 1e-6 * sizes.max()].T
    return basis


def _remove_directions(weight: Tensor, place: slice, basis: Tensor) -> None:
    wide = weight[place].double()
    weight[place] = (wide - (wide @ basis) @ basis.T).to(weight.dtype)
