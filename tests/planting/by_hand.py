"""A planted model run by hand, in float64: plain matrix products, no engine, no hooks."""

import math

import torch


class ByHand:
    """An attention-only or relu model without norms, one prompt at a time.

    What is replaced or added is given by (layer, kind, index): `head` replaces z, `q`, `k`, `v`, `mlp` and `logits`
    add to what the input sees.
    """

    def __init__(self, loaded_model):
        self.weights = {name: weight.double() for name, weight in loaded_model.bridge.state_dict().items()}
        self.shape = loaded_model.shape

    def logits(self, tokens, *, replaced=None, added=None):
        """Logits at END and every head's z, (layer, index) → `pos d_head`."""
        replaced, added = replaced or {}, added or {}
        w, heads = self.weights, self.shape.n_heads
        resid = w["embed.weight"][list(tokens)] + w["pos_embed.weight"][: len(tokens)]
        ahead = torch.ones(len(tokens), len(tokens), dtype=torch.bool).triu(1)
        written = {}
        for layer in range(self.shape.n_layers):
            attn, mlp, out = f"blocks.{layer}.attn", f"blocks.{layer}.mlp", 0
            for head in range(heads):
                q, k, v = (
                    (resid + added.get((layer, part, head), 0)) @ self._of_head(f"{attn}.{part}", head).T
                    + w[f"{attn}.{part}.bias"].view(heads, -1)[head]
                    for part in "qkv"
                )
                scores = (q @ k.T / math.sqrt(q.shape[1])).masked_fill(ahead, -math.inf)
                written[layer, head] = replaced.get((layer, "head", head), scores.softmax(-1) @ v)
                out = out + self.output(layer, head, written[layer, head])
            resid = resid + out + w[f"{attn}.o.bias"]
            if self.shape.d_mlp:
                seen = resid + added.get((layer, "mlp", None), 0)
                hidden = (seen @ w[f"{mlp}.in.weight"].T + w[f"{mlp}.in.bias"]).relu()
                resid = resid + hidden @ w[f"{mlp}.out.weight"].T + w[f"{mlp}.out.bias"]
        resid = resid + added.get((-1, "logits", None), 0)
        return resid[-1] @ w["unembed.weight"].T + w.get("unembed.bias", 0), written

    def output(self, layer, head, z):
        """What a head writes, `pos d_model`."""
        weight = self.weights[f"blocks.{layer}.attn.o.weight"]
        return z @ weight.view(weight.shape[0], self.shape.n_heads, -1)[:, head].T

    def _of_head(self, name, head):
        return self.weights[f"{name}.weight"].view(self.shape.n_heads, -1, self.weights["embed.weight"].shape[1])[head]


def path_effects(planted, sender, receiver, *, recovers=True):
    """What one path recovers (or removes) of each pair's score, and how far the sender's z differs, both float64."""
    model, place = ByHand(planted.loaded_model), (sender.layer, sender.index)
    moved, differs = [], []
    for pair in planted.batch.pairs:
        (own, other) = (pair.corrupt, pair.clean) if recovers else (pair.clean, pair.corrupt)
        _, new = model.logits(other.tokens)
        base, was = model.logits(own.tokens)
        change = model.output(*place, new[place] - was[place])
        into = {(receiver.layer, receiver.kind, receiver.index): change}
        patched, _ = model.logits(own.tokens, added=into)
        answer, foil = pair.answer_tokens[0][0], pair.foil_tokens[0][0]
        effect = float((patched - base)[answer] - (patched - base)[foil])
        moved.append(effect if recovers else -effect)
        differs.append(float((new[place] - was[place]).abs().max()))
    return moved, differs
