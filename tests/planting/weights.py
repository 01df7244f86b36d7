"""Weights written by hand: heads and neurons that do one thing each, among others that do nothing of use.

The residual stream is a sum of orthogonal subspaces, each of which holds one thing, and which are turned all together
by a random rotation, so that nothing is aligned with a basis. There are no norms: nothing but what is planted, and the
noise on every weight, connects one subspace with another.
"""

import math

import torch

from mi_checks.engine.nodes import Node
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.models.loaders.loader_common import Placement
from mi_checks.models.loaders.native import load_native_weights, native_bridge
from mi_checks.spec.model_validation import ModelShape
from tests.planting.vocabulary import BOS, D_VOCAB, tokenization

D_HEAD = N_CTX = D_VOCAB  # tokens and positions are one-hot, and a head can hold either
SUBSPACES = {
    "token": D_VOCAB,  # the token that stands here
    "position": N_CTX,
    "moved": D_VOCAB,  # a token that a head has brought here
    "answer": D_VOCAB,  # what the unembedding reads
    "unread": 16,  # what distractors write into
}
D_MODEL = sum(SUBSPACES.values())
_START = dict(zip(SUBSPACES, torch.tensor([0, *SUBSPACES.values()]).cumsum(0).tolist(), strict=False))
SHARPNESS = 20.0  # the score of what a head looks for; at BOS it is half of that, elsewhere zero
GAIN = 8.0  # logits of what is written as the answer


def dims(subspace, tokens=slice(None)):
    """Where a subspace, or what stands for certain tokens in it, lies in the residual stream."""
    return (torch.arange(SUBSPACES[subspace]) + _START[subspace])[tokens]


def config(shape):
    """What TransformerLens is told of such a model."""
    return {
        "n_layers": shape.n_layers, "n_heads": shape.n_heads, "d_head": D_HEAD, "d_model": D_MODEL, "n_ctx": N_CTX,
        "d_vocab": D_VOCAB, "normalization_type": None, "act_fn": "relu", "attn_only": shape.d_mlp is None,
        "d_mlp": shape.d_mlp or D_MODEL,
    }  # fmt: skip


class Weights:
    """A model in the making. Heads and neurons are written by the methods; those that are not become distractors."""

    def __init__(self, n_layers, n_heads, d_mlp=None, *, seed):
        self.shape = ModelShape(n_layers, n_heads, d_mlp)
        self.random = torch.Generator().manual_seed(seed)
        self.embed = torch.zeros(D_VOCAB, D_MODEL)
        self.embed[torch.arange(D_VOCAB), dims("token")] = 1
        self.pos_embed = torch.zeros(N_CTX, D_MODEL)
        self.pos_embed[torch.arange(N_CTX), dims("position")] = 1
        self.unembed = torch.zeros(D_VOCAB, D_MODEL)
        self.unembed[torch.arange(D_VOCAB), dims("answer")] = GAIN
        heads, width = (n_layers, n_heads), d_mlp or 0
        self.q, self.k = (self._normal(*heads, D_HEAD, D_MODEL) for _ in "qk")  # scores with a spread of about 2
        self.v = self._normal(*heads, D_HEAD, D_MODEL) / math.sqrt(D_HEAD)
        self.o = torch.zeros(*heads, D_MODEL, D_HEAD)
        self.o[:, :, dims("unread")] = self._normal(*heads, SUBSPACES["unread"], D_HEAD) / 4
        for reads in (self.q, self.k, self.v):
            reads[..., dims("unread")] = 0  # or what is written there would grow from layer to layer
        self.w_in, self.b_in = self._normal(n_layers, width, D_MODEL) / 8, self._normal(n_layers, width) / 8
        # Distractors are active on every prompt or on none: a neuron that is active on a few has no interval.
        self.b_in += self.b_in.sign()
        self.w_in[..., dims("unread")] = 0
        self.w_out = torch.zeros(n_layers, D_MODEL, width)
        self.w_out[:, dims("unread")] = self._normal(n_layers, SUBSPACES["unread"], width) / 4

    def _normal(self, *size):
        return torch.randn(size, generator=self.random)

    def _attend(self, head, query, key):
        """Scores that are SHARPNESS where a query and a key (`d_head d_model`) agree; the head's output is cleared."""
        scale = math.sqrt(SHARPNESS * math.sqrt(D_HEAD))
        self.q[head.layer, head.index], self.k[head.layer, head.index] = scale * query, scale * key
        self.v[head.layer, head.index] = self.o[head.layer, head.index] = 0

    def _copy(self, head, into, pairs=None):
        """Write the token attended to, or what it is paired with, into a subspace; of BOS write nothing."""
        pairs = {token: token for token in range(D_VOCAB) if token != BOS} if pairs is None else pairs
        slot = torch.arange(len(pairs))
        self.v[head.layer, head.index, slot, dims("token", list(pairs))] = 1
        self.o[head.layer, head.index, dims(into, list(pairs.values())), slot] = 1

    def previous_token(self, head, *, unread=False):
        """Attend to the token before and move it here; with `unread`, to where nobody reads it."""
        query, key = torch.zeros(2, D_HEAD, D_MODEL)
        query[torch.arange(N_CTX - 1), dims("position")[1:]] = 1
        key[torch.arange(N_CTX), dims("position")] = 1
        self._attend(head, query, key)
        if unread:
            self.v[head.layer, head.index, :, dims("token")] = torch.eye(D_HEAD)
            self.o[head.layer, head.index, dims("unread")] = self._normal(SUBSPACES["unread"], D_HEAD) / 4
        else:
            self._copy(head, "moved")

    def induction(self, head):
        """Attend to where the present token has been moved, or else rest on BOS; answer with what stands there."""
        query, key = torch.zeros(2, D_HEAD, D_MODEL)
        query[torch.arange(D_VOCAB), dims("token")] = 1
        key[torch.arange(D_VOCAB), dims("moved")] = 1
        key[:, dims("token", BOS)] = 0.5
        self._attend(head, query, key)
        self._copy(head, "answer")

    def look_for(self, head, keys, *, present=slice(None), into, pairs=None):
        """Attend to any of these tokens, from the `present` ones or from all; otherwise rest on BOS."""
        query, key = torch.zeros(2, D_HEAD, D_MODEL)
        query[0, dims("token", present)] = 1
        key[0, dims("token", keys)] = 1
        query[1, dims("token")] = 1
        key[1, dims("token", BOS)] = 0.5
        self._attend(head, query, key)
        self._copy(head, into, pairs)

    def and_neuron(self, neuron, moved, present, answer):
        """Active where both tokens are there, the one moved and the other present, and only then."""
        row = self.w_in[neuron.layer, neuron.index]
        row[:] = 0
        row[dims("moved", moved)] = row[dims("token", present)] = 2
        self.b_in[neuron.layer, neuron.index] = -3
        self.w_out[neuron.layer, :, neuron.index] = 0
        self.w_out[neuron.layer, dims("answer", answer), neuron.index] = 1

    def step(self, neurons, moved, answer):
        """Two neurons of a layer that together write 1 as the answer where the token was moved at least half, or 0."""
        for neuron, bias, sign in zip(neurons, (0, -1), (1, -1), strict=True):
            self.w_in[neuron.layer, neuron.index] = 0
            self.w_in[neuron.layer, neuron.index, dims("moved", moved)] = 2
            self.b_in[neuron.layer, neuron.index] = bias
            self.w_out[neuron.layer, :, neuron.index] = 0
            self.w_out[neuron.layer, dims("answer", answer), neuron.index] = sign

    def loaded_model(self, name, noise):
        """The model, with noise of this standard deviation on every weight."""
        n_layers, n_heads, d_mlp = self.shape.n_layers, self.shape.n_heads, self.shape.d_mlp
        turn = torch.linalg.qr(self._normal(D_MODEL, D_MODEL)).Q  # a stream x becomes turn x
        weights = {"embed.weight": self.embed @ turn.T, "pos_embed.weight": self.pos_embed @ turn.T}
        weights["unembed.weight"] = self.unembed @ turn.T
        for layer in range(n_layers):
            attn, mlp = f"blocks.{layer}.attn", f"blocks.{layer}.mlp"
            for part, reads in (("q", self.q), ("k", self.k), ("v", self.v)):
                weights[f"{attn}.{part}.weight"] = reads[layer].flatten(0, 1) @ turn.T
                weights[f"{attn}.{part}.bias"] = torch.zeros(n_heads * D_HEAD)
            weights[f"{attn}.o.weight"] = turn @ self.o[layer].transpose(0, 1).flatten(1)
            weights[f"{attn}.o.bias"] = torch.zeros(D_MODEL)
            if d_mlp:
                weights |= {f"{mlp}.in.weight": self.w_in[layer] @ turn.T, f"{mlp}.in.bias": self.b_in[layer]}
                weights |= {f"{mlp}.out.weight": turn @ self.w_out[layer], f"{mlp}.out.bias": torch.zeros(D_MODEL)}
        weights = {name: weight + noise * self._normal(*weight.shape) for name, weight in weights.items()}
        here = Placement(torch.device("cpu"), torch.float32)
        bridge = native_bridge(config(self.shape), here).eval()
        load_native_weights(bridge, weights, here)
        bridge.requires_grad_(False)
        provenance = Provenance("planted by hand", "", "", "float32", "cpu", "raw")
        return LoadedModel(name, bridge, tokenization(), self.shape, N_CTX, provenance)


def head_at(place):
    """(layer, head) → its node."""
    return Node(place[0], "head", place[1])
