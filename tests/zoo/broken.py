"""Ways to break a bridge: each function breaks it in one way that a guard must see when the model is loaded.

What a hook point shows and what it takes back are changed, by another class of the same hook point, so that the model
computes what it did: the logits stay, but for the breaks that are about them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformer_lens.hook_points import HookPoint
from transformer_lens.model_bridge import TransformerBridge

LAYER = 1  # the one that is broken
FACTOR = 2.0


@dataclass(frozen=True)
class Break:
    """One way to break a bridge.

    Attributes:
        name: what the tests call it.
        model: the model of the zoo that is broken.
        apply: what breaks its bridge, in place.
        quantities: what must be refused then; `load` where nothing can be measured.
        reason: a regular expression that the reason matches.
        still: a quantity that must still be right; None where there is none.
    """

    name: str
    model: str
    apply: Callable[[TransformerBridge], None]
    quantities: tuple[str, ...]
    reason: str
    still: str | None = None


class Discarding(HookPoint):
    """A hook point whose hooks fire, and whose edits reach nothing."""

    def __call__(self, value: Tensor, *more: Any) -> Tensor:
        super().__call__(value.clone(), *more)
        return value


class Doubling(HookPoint):
    """A hook point that shows twice what there is, and takes half of what comes back."""

    def __call__(self, value: Tensor, *more: Any) -> Tensor:
        return super().__call__(value * FACTOR, *more) / FACTOR


class Shifting(HookPoint):
    """A hook point at which every head goes by the number of the one before it."""

    def __call__(self, value: Tensor, *more: Any) -> Tensor:
        width = 12  # of a head, in the models that are broken so
        return super().__call__(value.roll(-width, -1), *more).roll(width, -1)


class Sinking(HookPoint):
    """A hook point at a pattern with one more column, to which some attention goes that the values do not see."""

    def __call__(self, value: Tensor, *more: Any) -> Tensor:
        sink = torch.full_like(value[..., :1], 0.25)
        return super().__call__(torch.cat([value * 0.75, sink], -1), *more)[..., :-1] / 0.75


def showing(kind: type[HookPoint], name: str) -> Callable[[TransformerBridge], None]:
    """Return what makes one hook point of a layer one of another class."""

    def apply(bridge: TransformerBridge) -> None:
        bridge.hook_dict[f"blocks.{LAYER}.{name}"].__class__ = kind

    return apply


def scaled_logits(bridge: TransformerBridge) -> None:
    """Make the bridge's logits a tenth larger than the model's."""
    bridge.unembed.hook_out.add_perma_hook(lambda logits, hook: logits * 1.1)


def biased_output(bridge: TransformerBridge) -> None:
    """Add a vector to what the output projection of a layer's attention gives in the bridge."""
    vector = torch.linspace(-1, 1, bridge.cfg.d_model)
    bridge.blocks[LAYER].attn.o.hook_out.add_perma_hook(lambda written, hook: written + vector)


def halved_scores(bridge: TransformerBridge) -> None:
    """Scale attention scores wrongly in the bridge, as TransformerLens does with `scale_attn_weights=False`."""
    bridge.blocks[LAYER].attn.q.hook_out.add_perma_hook(lambda query, hook: query / FACTOR)


def neurons_at_the_output(bridge: TransformerBridge) -> None:
    """Name the MLP's output what is to be its neurons, as the bridge of a mixture of experts does."""
    mlp = bridge.blocks[LAYER].mlp
    mlp.hook_aliases = {**mlp.hook_aliases, "hook_post": "hook_out"}


def forgotten_multiplier(bridge: TransformerBridge) -> None:
    """Forget that what layers add to the residual stream is multiplied; the layers do it still."""
    for block in bridge.blocks:
        block.residual_contribution_scale = 1.0


BREAKS = (
    Break("logits-scaled", "llama", scaled_logits, ("load",), r"logits"),
    Break("output-biased", "gpt2", biased_output, ("load",), r"logits"),
    Break("scores-halved", "gpt2", halved_scores, ("load",), r"logits"),
    Break("z-discarded", "llama", showing(Discarding, "attn.hook_z"), ("z",), r"z|head"),
    Break("q-discarded", "llama", showing(Discarding, "attn.hook_q"), ("q", "paths", "hops"), r"q", "v"),
    Break("k-discarded", "llama", showing(Discarding, "attn.hook_k"), ("k", "paths", "hops"), r"k", "v"),
    Break("v-discarded", "llama", showing(Discarding, "attn.hook_v"), ("v", "paths", "hops"), r"v", "k"),
    Break("pattern-discarded", "llama", showing(Discarding, "attn.hook_pattern"), ("pattern",), r"pattern", "z"),
    Break("neurons-discarded", "llama", showing(Discarding, "mlp.hook_post"), ("neurons",), r"neuron", "z"),
    Break("attn-discarded", "llama", showing(Discarding, "hook_attn_out"), ("layers",), r"attn", "z"),
    Break("mlp-discarded", "llama", showing(Discarding, "hook_mlp_out"), ("layers",), r"mlp", "z"),
    Break("resid-discarded", "llama", showing(Discarding, "hook_resid_pre"), ("layers",), r"resid_pre", "z"),
    Break("queries-shifted", "gpt2", showing(Shifting, "attn.hook_q"), ("q", "paths", "hops"), r"q", "v"),
    Break("pattern-doubled", "llama", showing(Doubling, "attn.hook_pattern"), ("attention",), r"sum", "v"),
    Break("pattern-sinking", "llama", showing(Sinking, "attn.hook_pattern"), ("attention",), r"sum|shape", "v"),
    Break("neurons-elsewhere", "llama", neurons_at_the_output, ("neurons",), r"neuron", "z"),
    Break("z-doubled", "llama", showing(Doubling, "attn.hook_z"), ("paths", "attribution"), r"head|path", "v"),
    Break("neurons-doubled", "llama", showing(Doubling, "mlp.hook_post"), ("attribution",), r"neuron", "z"),
    Break(
        "attn-doubled",
        "llama",
        showing(Doubling, "hook_attn_out"),
        ("attribution",),
        r"attention output|residual stream",
        "z",
    ),
    Break(
        "mlp-doubled", "llama", showing(Doubling, "hook_mlp_out"), ("attribution",), r"MLP output|residual stream", "z"
    ),
    Break(
        "multiplier-forgotten",
        "granite",
        forgotten_multiplier,
        ("paths", "attribution"),
        r"path|head|residual stream",
        "v",
    ),
)
