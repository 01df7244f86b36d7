"""The reference engine: one hooked TransformerLens forward per intervention. Slow, plain, and the oracle for others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.base import TOP, BaseRun, Floats, SideRun
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.last_layer import last_layer_neurons
from mi_checks.engine.nodes import HOOKS, Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import END, PromptBatch

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


def no_progress(items: Iterable[Any], _total: int, _title: str) -> Iterable[Any]:
    """A progress bar that shows nothing."""
    return items


class ReferenceEngine:
    """Measures interventions on one subject over one batch of prompts.

    Prompts of different lengths are padded on the right: attention is causal, so the padding changes nothing before it.
    """

    def __init__(self, subject: Subject, batch: PromptBatch, progress: Progress = no_progress) -> None:
        self.subject = subject
        self.batch = batch
        self.progress = progress
        self.device = next(subject.bridge.parameters()).device
        self.lengths = [len(pair.clean.tokens) for pair in batch.pairs]
        self.width = max(self.lengths)
        self.end = torch.tensor([length - 1 for length in self.lengths], device=self.device)
        self.rows = torch.arange(len(batch), device=self.device)
        self.answers = torch.tensor([pair.answer_token for pair in batch.pairs], device=self.device)
        self.foils = torch.tensor([pair.foil_tokens for pair in batch.pairs], device=self.device)
        self.tokens: dict[Side, Tensor] = {
            "clean": self._padded([pair.clean.tokens for pair in batch.pairs]),
            "corrupt": self._padded([pair.corrupt.tokens for pair in batch.pairs]),
        }
        self._activations: dict[tuple[Side, str], dict[int, Tensor]] = {}  # side, hook → layer → activation

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupt run, without intervention."""
        return BaseRun(clean=self._side("clean"), corrupt=self._side("corrupt"))

    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """The logit difference under each intervention, `intervention prompt`.

        Raises:
            MiChecksError: a logit that is read is NaN or infinite.
        """
        out = np.empty((len(interventions), len(self.batch)))
        shortcut = last_layer_neurons(self, interventions)
        left = [i for i in range(len(interventions)) if i not in shortcut]
        for i, values in shortcut.items():
            out[i] = values
        for i in self.progress(left, len(left), title):
            out[i] = self._logit_diff(self._patched_logits(interventions[i]), f"under {title}")
        return out

    def attention(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `prompt destination source`."""
        return self._cached("clean", "blocks.{}.attn.hook_pattern", head.layer)[:, head.index].float().cpu()

    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `prompt pos …`."""
        return self._cached(side, HOOKS[node.kind], node.layer)

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

    def replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """What is put in the node's place: its layer's whole activation tensor, `prompt pos …`."""
        if intervention.value in ("clean", "corrupt"):
            return self.activation(intervention.value, node)
        own = self.activation(intervention.run, node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        real = self.real.view(*self.real.shape, *[1] * (own.dim() - 2))
        if intervention.value == "mean":
            # float32 whatever the weights: a mean over many prompts loses digits in half precision
            total = (own.float() * real).sum(0, keepdim=True) / real.sum(0, keepdim=True)
            return total.to(own.dtype).expand_as(own)
        donor = self.rows.roll(1)  # every prompt gets its neighbour's; prompts are drawn independently
        place = torch.minimum(torch.arange(self.width, device=self.device)[None], self.end[donor][:, None])
        return own[donor[:, None], place]

    @cached_property
    def real(self) -> Tensor:
        """True where there is a token and not padding, `prompt pos`."""
        return torch.arange(self.width, device=self.device)[None] <= self.end[:, None]

    def mask(self, at: str | None) -> Tensor:
        """True where an intervention at this label acts, `prompt pos`."""
        if at is None:
            return torch.ones_like(self.real)
        mask = torch.zeros_like(self.real)
        for row, positions in enumerate(self.batch.positions(at)):
            mask[row, list(positions)] = True
        return mask

    def logit_diff_at_end(self, resid_end: Tensor) -> Tensor:
        """Final residual stream at END `… prompt d_model` → logit difference `… prompt`, in float32."""
        final = self.subject.bridge.ln_final(resid_end.reshape(-1, 1, resid_end.shape[-1]))
        logits = self.subject.bridge.unembed(final).float().reshape(*resid_end.shape[:-1], -1)
        return self._difference(logits)

    def _padded(self, rows: list[tuple[int, ...]]) -> Tensor:
        tokens = torch.zeros((len(rows), self.width), dtype=torch.long)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
        return tokens.to(self.device)

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

        hooks = [(name, replace(nodes)) for name, nodes in by_hook.items()]
        logits = self._logits_at_end(intervention.run, hooks, first=min(node.layer for node in intervention.nodes))
        unfired = set(by_hook) - fired
        if unfired:  # an intervention that was never installed would read as "no effect"
            raise MiChecksError(
                f"{self.subject.name}: hook {sorted(unfired)[0]} never ran, so nothing was intervened on"
            )
        return logits

    def _logits_at_end(self, side: Side, hooks: list[tuple[str, Callable[..., Tensor]]], first: int = 0) -> Tensor:
        """Logits at END, `prompt d_vocab`, float32; other positions are spared the final norm and the unembedding.

        Layers before `first`, which no hook touches, are not run again where the model is TransformerLens' own: its
        blocks need nothing but the residual stream.
        """

        def only_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
            return resid[self.rows, self.end][:, None]

        bridge = self.subject.bridge
        with torch.no_grad(), bridge.hooks(fwd_hooks=[*hooks, ("ln_final.hook_in", only_end)]):
            if first and bridge.cfg.architecture == "TransformerLensNative":
                resid = self.activation(side, Node(first, "resid_pre"))
                for block in bridge.blocks[first:]:
                    (resid,) = block(resid)
                logits: Tensor = bridge.unembed(bridge.ln_final(resid))
            else:
                logits = bridge(self.tokens[side])
        return logits[:, 0].float()

    def _side(self, side: Side) -> SideRun:
        logits = self._logits_at_end(side, [])
        answer = logits[self.rows, self.answers]
        foils = logits.gather(1, self.foils)
        top = logits.softmax(-1).topk(min(TOP, logits.shape[-1]))
        return SideRun(
            logit_diff=self._logit_diff(logits, f"on the {side} prompts"),
            beats_foils=(answer[:, None] > foils).all(1).cpu().numpy(),
            is_top=(logits.argmax(-1) == self.answers).cpu().numpy(),
            top=tuple(
                tuple(zip(ids, probabilities, strict=True))
                for ids, probabilities in zip(top.indices.tolist(), top.values.tolist(), strict=True)
            ),
        )

    def _logit_diff(self, logits: Tensor, where: str) -> Floats:
        bad = (~torch.isfinite(logits)).any(-1).nonzero()
        if len(bad):
            text = self.batch.pairs[int(bad[0])].clean.text
            raise MiChecksError(
                f"{self.subject.name}: {len(bad)} of {len(self.batch)} prompts give NaN or infinite logits at {END} "
                f"{where}, first prompt {int(bad[0])}: {text!r}; check the weights, or use --mi-dtype float32"
            )
        return self._difference(logits).double().cpu().numpy()

    def _difference(self, logits: Tensor) -> Tensor:
        answer = logits.gather(-1, self.answers.expand(logits.shape[:-1])[..., None])[..., 0]
        foils = logits.gather(-1, self.foils.expand(*logits.shape[:-1], -1))
        reduced = foils.amax(-1) if self.batch.foil_reduction == "max" else foils.mean(-1)
        return answer - reduced
