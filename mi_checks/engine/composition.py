"""How much one head's output is what another's query, key or value takes: in the weights, and on the prompts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import WRITERS, reaches
from mi_checks.engine.nodes import Kind, Node
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError


def composition_scores(model: Transformer, kind: Kind) -> Floats:
    """‖A·B‖ / (‖A‖ ‖B‖), Frobenius norms, of every pair of heads; 0 where the sender is not in an earlier layer.

    A is the sender's W_V·W_O; B is the receiver's W_Q·W_Kᵀ for its query, W_K·W_Qᵀ for its key, W_V·W_O for its value,
    vectors standing on the left (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). The layer
    norms' weights are left out, as by TransformerLens' `all_composition_scores`, which gives the same.

    Returns:
        `sender_layer sender receiver_layer receiver`, between 0 and 1.

    Raises:
        ValueError: the kind is not q, k or v.
    """
    if kind not in ("q", "k", "v"):
        raise ValueError(f"heads compose by the receiver's q, k or v, not by {kind}")
    layers = range(model.n_layers)
    values = torch.stack([_per_head(model, layer, "v") for layer in layers])  # layer head d_model d_head
    out = torch.stack([model.w_o(layer).double() for layer in layers])  # layer head d_head d_model
    if kind == "v":
        left, right = values, out
    else:
        queries, keys = (torch.stack([_per_head(model, layer, part) for layer in layers]) for part in ("q", "k"))
        left, right = (queries, keys.mT) if kind == "q" else (keys, queries.mT)
    heads = (values.flatten(0, 1), out.flatten(0, 1)), (left.flatten(0, 1), right.flatten(0, 1))
    scores = _scores(*(part[:, None] for part in heads[0]), *(part[None] for part in heads[1]))
    scores = scores.unflatten(1, (model.n_layers, -1)).unflatten(0, (model.n_layers, -1))
    order = torch.arange(model.n_layers, device=scores.device)
    earlier = order[:, None, None, None] < order[None, None, :, None]
    found: Floats = torch.where(earlier, scores, 0).cpu().numpy()
    return found


def random_scores(model: Transformer, draws: int, seed: int = 0) -> Floats:
    """The same score of `draws` pairs of random heads of this model's shape: what composition by chance comes to.

    All four factors (d_model × d_head) have independent standard normal entries; their scale does not matter, and
    neither does which of query, key and value is meant.

    Returns:
        `draw`.
    """
    d_model = model.w_o(0).shape[-1]
    generator = torch.Generator().manual_seed(seed)
    found = np.empty(draws)
    for draw in range(draws):  # one at a time: large models' factors are large
        first, second, third, fourth = torch.randn((4, d_model, model.d_head), generator=generator, dtype=torch.float64)
        found[draw] = _scores(first, second.mT, third, fourth.mT).item()
    return found


@dataclass(frozen=True)
class InputShare(Quantity):
    """‖part of a head's query, key or value that comes from what the sender writes‖ / ‖the whole of it‖, `1 prompt`.

    At the label's last token of the clean run, before any rotation by position. The layer norm's scale is frozen at
    what it is there, and biases are left out, so that the parts that all layers and the embedding (`L0.resid_pre`)
    write add up to the whole as vectors. They may cancel: shares do not add up to 1, and one may be above 1.
    """

    by_row = True

    sender: Node
    receiver: Node
    at: str

    def names(self) -> tuple[str, ...]:
        """Return both nodes and the label."""
        return (json.dumps(["share", str(self.sender), str(self.receiver), self.at]),)

    def only(self, rows: Sequence[int]) -> InputShare:  # noqa: ARG002  # there is one
        """Return it: it has one row."""
        return self

    def of(self, engine: Engine) -> Floats:
        """Divide the norms.

        Raises:
            MiChecksError: the receiver takes nothing at all.
            ValueError: the sender writes nothing, or the receiver is no query, key or value after it.
        """
        sender, receiver = self.sender, self.receiver
        embedding = sender.kind == "resid_pre" and sender.layer == 0
        if sender.kind not in WRITERS and not embedding:
            raise ValueError(
                f"{sender} writes nothing; name a head, a neuron, an attention layer, an MLP or L0.resid_pre"
            )
        if receiver.kind not in ("q", "k", "v"):
            raise ValueError(f"what is taken is taken by a head's q, k or v, not by {receiver}")
        if not embedding and not reaches(sender, receiver):
            raise ValueError(f"there is no path from {sender} to {receiver}: it does not come before it")
        engine.admission.refuse("paths", "what a node's input takes from another cannot be measured")
        columns = torch.tensor(
            [places[-1] for places in engine.layouts["clean"].columns(self.at)], device=engine.device
        )
        whole = engine.activation("clean", Node(receiver.layer, "resid_pre"))[engine.rows, columns]  # row d_model
        part = engine.writes(sender, engine.activation("clean", sender)[engine.rows, columns])
        taken, everything = (engine.taken(receiver, whole, x)[engine.readout.first].float() for x in (part, whole))
        if not everything.any(-1).all():
            raise MiChecksError(
                f"{engine.subject.name}: the weights of {receiver} take nothing of the residual stream at {self.at}, "
                "so that there is no share of it to measure; name another head or input"
            )
        return engine.finite(taken.norm(dim=-1) / everything.norm(dim=-1), f"in what {receiver} takes")[None]


def _per_head(model: Transformer, layer: int, kind: str) -> Tensor:
    """W_Q, W_K or W_V of all heads, those that share one each with it, `head d_model d_head`, float64."""
    weight = model.projection(layer, kind)[0].double().mT
    return weight if len(weight) == model.n_heads else weight.repeat_interleave(model.group, 0)


def _scores(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """‖a·b·c·d‖ / (‖a·b‖ ‖c·d‖) from the factors, `… d_model d_head` and its transpose, no large product ever made.

    ‖x·y‖² of two factors is the sum of (xᵀx)∘(y·yᵀ), which are `d_head d_head`.
    """
    gram_a, gram_b, gram_c, gram_d = a.mT @ a, b @ b.mT, c.mT @ c, d @ d.mT
    between = b @ c
    whole = ((between.mT @ gram_a @ between) * gram_d).sum((-2, -1))
    # Of orthogonal factors the sum is zero but for rounding, which may be negative.
    return (whole.clamp(min=0) / (gram_a * gram_b).sum((-2, -1)) / (gram_c * gram_d).sum((-2, -1))).sqrt()
