"""Composition of heads: how much of one's output another's q, k or v reads, in the weights and on the prompts."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import WRITER_KINDS, reaches
from mi_checks.engine.nodes import Kind, Node
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.stats.floor import Floats

N_RANDOM_DIRECTIONS = 400  # of what a head writes, for the null distribution of an input's fraction


def composition_scores(model: Transformer, kind: Kind) -> Floats:
    """Return ‖A·B‖ / (‖A‖ ‖B‖), in Frobenius norms, for every pair of heads; 0 unless the sender's layer is earlier.

    A is the sender's W_V·W_O. B is the receiver's W_Q·W_Kᵀ for its query, W_K·W_Qᵀ for its key and W_V·W_O for its
    value, with vectors on the left (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). The
    weights of the layer norms are left out, as in TransformerLens' `all_composition_scores`, which gives the same
    values.

    Args:
        model: the model's weights.
        kind: the receiver's input: q, k or v.

    Returns:
        `sender_layer sender receiver_layer receiver`, between 0 and 1.

    Raises:
        ValueError: the kind is not q, k or v.
    """
    if kind not in ("q", "k", "v"):
        raise ValueError(f"heads compose through the receiver's q, k or v, not through {kind}")
    layers = range(model.n_layers)
    values = torch.stack([_head_matrices(model, layer, "v") for layer in layers])  # layer head d_model d_head
    out = torch.stack([model.w_o(layer).double() for layer in layers])  # layer head d_head d_model
    if kind == "v":
        left, right = values, out
    else:
        queries, keys = (torch.stack([_head_matrices(model, layer, part) for layer in layers]) for part in ("q", "k"))
        left, right = (queries, keys.mT) if kind == "q" else (keys, queries.mT)
    heads = (values.flatten(0, 1), out.flatten(0, 1)), (left.flatten(0, 1), right.flatten(0, 1))
    scores = _product_norm_ratios(*(part[:, None] for part in heads[0]), *(part[None] for part in heads[1]))
    scores = scores.unflatten(1, (model.n_layers, -1)).unflatten(0, (model.n_layers, -1))
    order = torch.arange(model.n_layers, device=scores.device)
    earlier = order[:, None, None, None] < order[None, None, :, None]
    earlier_only: Floats = torch.where(earlier, scores, 0).cpu().numpy()
    return earlier_only


def random_composition_scores(model: Transformer, draws: int, seed: int = 0) -> Floats:
    """Return the composition scores of pairs of random heads of this model's shape, as a measure of chance, `draw`.

    All four factors (d_model × d_head) have independent standard normal entries. Their scale does not matter, nor does
    it matter which of query, key and value is meant.

    Args:
        model: the model whose shape the heads have.
        draws: number of pairs.
        seed: seed of the random entries.
    """
    d_model = model.w_o(0).shape[-1]
    generator = torch.Generator().manual_seed(seed)
    scores = np.empty(draws)
    for draw in range(draws):  # one draw at a time, because the factors of large models are large
        first, second, third, fourth = torch.randn((4, d_model, model.d_head), generator=generator, dtype=torch.float64)
        scores[draw] = _product_norm_ratios(first, second.mT, third, fourth.mT).item()
    return scores


@dataclass(frozen=True)
class InputFraction(Quantity):
    """‖the part of a head's query, key or value that comes from the sender‖ / ‖all of it‖, `1 prompt`.

    It is measured at the label's last token of the clean run, before any rotary embedding. The layer norm's scale is
    frozen at its value there, and biases are left out, so that the parts from all layers and the embedding
    (`L0.resid_pre`) add up to the whole as vectors. Parts may cancel: the ratios do not add up to 1, and one may be
    above 1.
    """

    by_row = True

    sender: Node
    receiver: Node
    at: str

    def names(self) -> tuple[str, ...]:
        """Return the name of both nodes and the label."""
        return (json.dumps(["share", str(self.sender), str(self.receiver), self.at]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the ratio of the two norms, `1 prompt`.

        Raises:
            MiChecksError: the receiver's weights read nothing of the residual stream.
            ValueError: the sender writes nothing, or the receiver is not a query, key or value after it.
        """
        part, whole = _stream_parts(engine, self.sender, self.receiver, self.at)
        ratios = _norm_ratios(engine, self.receiver, self.at, part, whole)
        return engine.require_finite(ratios, f"inputs of {self.receiver}")[None]


@dataclass(frozen=True)
class RandomInputFractions(Quantity):
    """The mean `InputFraction` if what the sender writes had a random direction instead of its own, `1 draw`.

    In each draw one random rotation of the residual stream is applied to what the sender writes on every prompt, which
    keeps all its norms and angles. In an untrained model the sender's own direction is as good as random.
    """

    by_row = True

    sender: Node
    receiver: Node
    at: str
    draws: int = N_RANDOM_DIRECTIONS

    def names(self) -> tuple[str, ...]:
        """Return the name of both nodes, the label and the number of draws."""
        return (json.dumps(["share of random directions", str(self.sender), str(self.receiver), self.at, self.draws]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the mean ratio of the two norms over prompts, `1 draw`.

        Raises:
            MiChecksError: as `InputFraction`.
            ValueError: as `InputFraction`.
        """
        part, whole = _stream_parts(engine, self.sender, self.receiver, self.at)
        left, sizes, _ = torch.linalg.svd(part.double().cpu(), full_matrices=False)
        # Each sender has directions of its own, so that the largest of several senders is that of independent ones.
        generator = torch.Generator().manual_seed(zlib.crc32(str(self.sender).encode()))
        means = np.empty(self.draws)
        for draw in range(self.draws):
            # The rotation of the directions that the sender writes in: a uniformly random frame of as many.
            gaussian = torch.randn((part.shape[-1], len(sizes)), generator=generator, dtype=torch.float64)
            factors = torch.linalg.qr(gaussian)
            frame = (factors.Q * factors.R.diagonal().sign()).mT  # uniform only with these signs (Mezzadri 2007)
            rotated = ((left * sizes) @ frame).to(part)
            means[draw] = float(_norm_ratios(engine, self.receiver, self.at, rotated, whole).mean())
        return means[None]


def _stream_parts(engine: Engine, sender: Node, receiver: Node, at: str) -> tuple[Tensor, Tensor]:
    """Return what the sender writes, and the whole residual stream before the receiver, each `row d_model`.

    Raises:
        ValueError: the sender writes nothing, or the receiver is not a query, key or value after it.
    """
    embedding = sender.kind == "resid_pre" and sender.layer == 0
    if sender.kind not in WRITER_KINDS and not embedding:
        raise ValueError(
            f"{sender} does not write to the residual stream; name a head, a neuron, an attention layer, an MLP or "
            "L0.resid_pre"
        )
    if receiver.kind not in ("q", "k", "v"):
        raise ValueError(f"the receiver must be a head's q, k or v, not {receiver}")
    if not embedding and not reaches(sender, receiver):
        raise ValueError(f"there is no path from {sender} to {receiver}, because {receiver} does not come after it")
    engine.supported.require_guards("paths", "composition on the prompts cannot be measured")
    last_columns = [columns[-1] for columns in engine.layouts["clean"].columns(at)]
    columns = torch.tensor(last_columns, device=engine.device)
    whole = engine.activation("clean", Node(receiver.layer, "resid_pre"))[engine.rows, columns]
    part = engine.stream_output(sender, engine.activation("clean", sender)[engine.rows, columns])
    return part, whole


def _norm_ratios(engine: Engine, receiver: Node, at: str, part: Tensor, whole: Tensor) -> Tensor:
    """Return ‖what the receiver reads of the part‖ / ‖what it reads of the whole‖, `prompt`.

    Raises:
        MiChecksError: the receiver's weights read nothing of the residual stream.
    """
    from_sender, in_total = (
        engine.receiver_input(receiver, whole, x)[engine.readout.bare_rows].float() for x in (part, whole)
    )
    if not in_total.any(-1).all():
        raise MiChecksError(
            f"{engine.loaded_model.name}: the weights of {receiver} read nothing from the residual stream at {at}, so "
            "no fraction of its input can be measured; name another head or input"
        )
    ratios: Tensor = from_sender.norm(dim=-1) / in_total.norm(dim=-1)
    return ratios


def _head_matrices(model: Transformer, layer: int, kind: str) -> Tensor:
    """Return W_Q, W_K or W_V of all heads, repeated for heads that share one, `head d_model d_head`, float64."""
    weight = model.projection(layer, kind)[0].double().mT
    return weight if len(weight) == model.n_heads else weight.repeat_interleave(model.queries_per_key, 0)


def _product_norm_ratios(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Return ‖a·b·c·d‖ / (‖a·b‖ ‖c·d‖) of factors `… d_model d_head` and its transpose, without any d_model² product.

    ‖x·y‖² of two factors is the sum of (xᵀx)∘(y·yᵀ), which are `d_head d_head`.
    """
    gram_a, gram_b, gram_c, gram_d = a.mT @ a, b @ b.mT, c.mT @ c, d @ d.mT
    between = b @ c
    whole = ((between.mT @ gram_a @ between) * gram_d).sum((-2, -1))
    # For orthogonal factors the sum is zero up to rounding, and may therefore be slightly negative.
    return (whole.clamp(min=0) / (gram_a * gram_b).sum((-2, -1)) / (gram_c * gram_d).sum((-2, -1))).sqrt()
