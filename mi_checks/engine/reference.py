"""The reference engine: one hooked TransformerLens forward per intervention. Slow, plain, the oracle of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.base import Floats
from mi_checks.engine.engine import Engine, Progress, no_progress
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.nodes import HOOKS, Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch

Hook = tuple[str, Callable[..., Tensor]]


class ReferenceEngine(Engine):
    """Every intervention through TransformerLens' own hooks, on any model it can bridge."""

    name = "reference"

    def __init__(self, subject: Subject, batch: PromptBatch, progress: Progress = no_progress) -> None:
        super().__init__(subject, batch, progress)
        self._activations: dict[tuple[Side, str], dict[int, Tensor]] = {}  # side, hook → layer → activation

    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """One forward for each; see `Engine.measure`."""
        out = np.empty((len(interventions), len(self.batch)))
        for i in self.progress(range(len(interventions)), len(interventions), title):
            out[i] = self.finite(self.difference(self._patched_logits(interventions[i])), f"under {title}")
        return out

    def attention(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `prompt destination source`."""
        return self._cached("clean", "blocks.{}.attn.hook_pattern", head.layer)[:, head.index].float().cpu()

    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `prompt pos …`."""
        return self._cached(side, HOOKS[node.kind], node.layer)

    def base_logits(self, side: Side) -> Tensor:
        """Logits at END without intervention, `prompt d_vocab`, float32."""
        return self._logits_at_end(side, [])

    def _cached(self, side: Side, hook: str, layer: int) -> Tensor:
        """What passes a hook point of every layer in one run, fetched for all layers at once; `hook` has a `{}`."""
        key = (side, hook)
        if key not in self._activations:
            wanted = {hook.format(i): i for i in range(self.subject.shape.n_layers)}
            with torch.no_grad():
                _, cache = self.subject.bridge.run_with_cache(
                    self.tokens[side], names_filter=lambda name: name in wanted
                )
            self._activations[key] = {i: cache[name] for name, i in wanted.items()}
        return self._activations[key][layer]

    def _patched_logits(self, intervention: Intervention) -> Tensor:
        mask = self.mask(intervention.at)
        by_hook: dict[str, list[Node]] = {}
        for node in intervention.nodes:
            by_hook.setdefault(node.hook, []).append(node)
        fired: set[str] = set()

        def replace(nodes: list[Node]) -> Callable[..., Tensor]:
            new = self.replacement(intervention, nodes[0])

            def hook_fn(activation: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
                fired.add(nodes[0].hook)
                where = mask.view(*mask.shape, *[1] * (activation.dim() - 2))
                chosen = torch.zeros(activation.shape[2:], dtype=torch.bool, device=self.device)
                for node in nodes:
                    chosen[slice(None) if node.index is None else node.index] = True
                return torch.where(where & chosen, new, activation)

            return hook_fn

        hooks: list[Hook] = []
        for name, nodes in by_hook.items():
            install = _in_the_stream if nodes[0].kind == "resid_mid" else _as_it_passes
            hooks += install(name, replace(nodes))
        logits = self._logits_at_end(intervention.run, hooks, first=min(node.layer for node in intervention.nodes))
        unfired = set(by_hook) - fired
        if unfired:  # an intervention that was never installed would read as "no effect"
            raise MiChecksError(
                f"{self.subject.name}: hook {sorted(unfired)[0]} never ran, so nothing was intervened on"
            )
        return logits

    def _logits_at_end(self, side: Side, hooks: list[Hook], first: int = 0) -> Tensor:
        """Logits at END, `prompt d_vocab`, float32; other positions are spared the final norm and the unembedding.

        Layers before `first`, which no hook touches, are not run again where the model is TransformerLens' own: its
        blocks need nothing but the residual stream.
        """

        def only_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
            return resid[self.rows, self.end][:, None]

        bridge = self.subject.bridge
        skips = (
            first > 0 and bridge.cfg.architecture == "TransformerLensNative" and bridge.cfg.output_logits_soft_cap <= 0
        )
        # Fetched before the hooks are in: what they change must not get into what is kept.
        resid = self.activation(side, Node(first, "resid_pre")) if skips else None
        with torch.no_grad(), bridge.hooks(fwd_hooks=[*hooks, ("ln_final.hook_in", only_end)]):
            if resid is not None:
                for block in bridge.blocks[first:]:
                    (resid,) = block(resid)
                logits: Tensor = bridge.unembed(bridge.ln_final(resid))
            else:
                logits = bridge(self.tokens[side])
        return logits[:, 0].float()


def _as_it_passes(name: str, replace: Callable[..., Tensor]) -> list[Hook]:
    return [(name, replace)]


def _in_the_stream(name: str, replace: Callable[..., Tensor]) -> list[Hook]:
    """Hooks that change the residual stream in the middle of a layer.

    TransformerLens' own `hook_resid_mid` is the input of the second layer norm: what is put there reaches the MLP but
    not the stream that goes around it. So the change is made to what the attention layer writes.
    """
    block = name.removesuffix(".hook_resid_mid")
    before: list[Tensor] = []

    def remember(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
        before[:] = [resid]
        return resid

    def write(attn_out: Tensor, hook: Any) -> Tensor:
        return replace(before[0] + attn_out, hook) - before[0]

    return [(f"{block}.hook_resid_pre", remember), (f"{block}.hook_attn_out", write)]
