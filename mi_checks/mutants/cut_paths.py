"""A path that is cut: the receivers no longer see what the senders can write."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import ALL, Edited, Mutation, first_layer, rows, verb
from mi_checks.spec.words import listed

CUTTABLE = ("head", "neuron")  # senders that write into few directions; a layer writes into all of them


@dataclass(frozen=True)
class Cut(Mutation):
    """Inputs of receivers are blind to the directions that senders write into, whatever else is written there.

    The norm's scale still knows of the senders; it is the only thing that does.

    Attributes:
        senders: heads or neurons.
        receivers: queries, keys or values of heads, MLPs, or the logits.
    """

    senders: tuple[Node, ...]
    receivers: tuple[Node, ...]

    @property
    def words(self) -> str:
        """From where to where."""
        return f"{listed(self.receivers)} cannot see what {listed(self.senders)} {verb(self.senders, 'write')}"

    def since(self, model: Transformer, /) -> int:
        """That of the first receiver."""
        logits = all(receiver.kind == "logits" for receiver in self.receivers)
        return model.n_layers if logits else first_layer(r for r in self.receivers if r.kind != "logits")

    def applied(self, model: Transformer) -> Transformer:
        """W − W B Bᵀ, with B an orthonormal basis of what the senders' outputs become in the receivers' norm."""
        edited = Edited(model)
        for receiver in self.receivers:
            block = f"blocks.{receiver.layer}"
            if receiver.kind == "logits":
                matrices, norm, place = ["unembed"], "ln_final", ALL
            elif receiver.kind == "mlp":
                matrices, norm, place = [f"{block}.mlp.in", f"{block}.mlp.gate"], f"{block}.ln2", ALL
            else:
                matrices, norm = [f"{block}.attn.{receiver.kind}"], f"{block}.ln1"
                place = rows(model, int(receiver.index or 0))
            seen = _basis(self._written(model), model, norm)
            for matrix in matrices:
                edited.edit(f"{matrix}.weight", partial(_blind, place=place, basis=seen))
        return edited.model

    def _written(self, model: Transformer) -> Tensor:
        """Directions in the residual stream, `direction d_model`."""
        return torch.cat(
            [
                model.w_o(sender.layer)[sender.index]
                if sender.kind == "head"
                else model.w_out(sender.layer)[sender.index][None]
                for sender in self.senders
            ]
        )


def _basis(directions: Tensor, model: Transformer, norm: str) -> Tensor:
    """An orthonormal basis of what a norm makes of directions, `d_model basis`, float64."""
    seen = directions.double()
    rms = norm == "ln_final" and model.final_rms
    if model.norm in ("LN", "LNPRE") and not rms:
        seen = seen - seen.mean(-1, keepdim=True)
    if model.norm is not None or rms:
        weight = model.weights.get(f"{norm}.weight")
        seen = seen if weight is None else seen * weight.double()
    _, sizes, axes = torch.linalg.svd(seen, full_matrices=False)
    basis: Tensor = axes[sizes > 1e-6 * sizes.max()].T
    return basis


def _blind(weight: Tensor, place: slice, basis: Tensor) -> None:
    wide = weight[place].double()
    weight[place] = (wide - (wide @ basis) @ basis.T).to(weight.dtype)
