"""Hook sites: places in TransformerLens' bridge where the reference engine reads or changes a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mi_checks.engine.nodes import Kind, Node

BridgeHook = tuple[str, Callable[..., Tensor]]


@dataclass(frozen=True)
class HookSite:
    """A hook point, and the change that is made to its activation, `row pos …`."""

    name: str
    change: Callable[[Tensor], Tensor]
    kind: Kind | None = None

    @property
    def layer(self) -> int:
        """Return the layer that the hook point is in."""
        return int(self.name.split(".")[1])

    def hooks(self, fired: set[str]) -> list[BridgeHook]:
        """Return the hooks of the site, which record in `fired` that they ran."""
        stream_before: list[Tensor] = []

        def run(activation: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
            fired.add(self.name)
            if self.name.endswith(".hook_pattern"):  # prompt head destination source
                changed = self.change(activation.transpose(1, 2)).transpose(1, 2)
                return changed.contiguous()  # some families call `view` on it
            return self.change(activation)

        if self.kind != "resid_mid":
            return [(self.name, run)]

        # TransformerLens' own `hook_resid_mid` is the input of the second layer norm: an edit there reaches the MLP but
        # not the stream that goes around it. So the change is made to what the attention layer writes.
        def remember(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
            stream_before[:] = [resid]
            return resid

        def write(attn_out: Tensor, hook: Any) -> Tensor:
            return run(stream_before[0] + attn_out, hook) - stream_before[0]

        block = self.name.removesuffix(".hook_resid_mid")
        return [(f"{block}.hook_resid_pre", remember), (f"{block}.hook_attn_out", write)]


def node_mask(nodes: Sequence[Node], activation: Tensor) -> Tensor:
    """Return which of a layer's heads or neurons are among the nodes, in the activation's shape after its positions."""
    mask = torch.zeros(activation.shape[2:], dtype=torch.bool, device=activation.device)
    for node in nodes:
        mask[slice(None) if node.index is None else node.index] = True
    return mask
