"""What every engine shares: the batch as tensors, where an intervention acts, what it puts there, and what is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from mi_checks.engine.base import TOP, BaseRun, Floats, SideRun
from mi_checks.engine.families import is_parallel
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import END, PromptBatch

Padding = Literal["left", "right"]
Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


def no_progress(items: Iterable[Any], _total: int, _title: str) -> Iterable[Any]:
    """A progress bar that shows nothing."""
    return items


class Engine(ABC):
    """Measures interventions on one subject over one batch of prompts.

    Prompts of different lengths are padded on one side. On the right causal attention keeps the padding out of sight;
    on the left it is masked, and positions are counted from a prompt's first token.

    Attributes:
        positions: of each column's token in its prompt, `prompt pos`; negative for padding on the left.
        end: the column of END, `prompt`.
        parallel: whether the attention and the MLP of a layer read the same residual stream.
    """

    name: str

    def __init__(
        self, subject: Subject, batch: PromptBatch, progress: Progress = no_progress, *, padding: Padding = "right"
    ) -> None:
        self.subject = subject
        self.batch = batch
        self.progress = progress
        self.padding = padding
        self.parallel = is_parallel(subject.bridge)
        self.device = next(subject.bridge.parameters()).device
        self.lengths = [len(pair.clean.tokens) for pair in batch.pairs]
        self.width = max(self.lengths)
        self.offsets = [self.width - length if padding == "left" else 0 for length in self.lengths]
        self.begin = torch.tensor(self.offsets, device=self.device)
        self.positions = torch.arange(self.width, device=self.device) - self.begin[:, None]
        self.end = self.begin + torch.tensor(self.lengths, device=self.device) - 1
        self.rows = torch.arange(len(batch), device=self.device)
        self.answers = torch.tensor([pair.answer_token for pair in batch.pairs], device=self.device)
        self.foils = torch.tensor([pair.foil_tokens for pair in batch.pairs], device=self.device)
        self.tokens: dict[Side, Tensor] = {
            "clean": self._padded([pair.clean.tokens for pair in batch.pairs]),
            "corrupt": self._padded([pair.corrupt.tokens for pair in batch.pairs]),
        }

    @abstractmethod
    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """The logit difference under each intervention, `intervention prompt`.

        Raises:
            MiChecksError: one of them has no meaning in this model, or a logit that is read is NaN or infinite.
        """

    @abstractmethod
    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `prompt pos …`."""

    @abstractmethod
    def attention(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `prompt destination source`."""

    @abstractmethod
    def base_logits(self, side: Side) -> Tensor:
        """Logits at END without intervention, `prompt d_vocab`, float32."""

    def admit(self, interventions: list[Intervention]) -> None:
        """Nothing, if all of them have a meaning in this model.

        Raises:
            MiChecksError: the layers are parallel, and one of them is on the residual stream between a layer's
                attention and MLP, or on the path from one to the other.
        """
        if not self.parallel:
            return
        why = "whose attention and MLP of a layer read the same residual stream"
        for intervention in interventions:
            for node in intervention.nodes:
                if node.kind == "resid_mid":
                    raise MiChecksError(f"{self.subject.name}: there is no {node} in this model, {why}")
                for receiver in intervention.into:
                    if receiver.kind == "mlp" and receiver.layer == node.layer:
                        raise MiChecksError(
                            f"{self.subject.name}: there is no path from {node} to {receiver} in this model, {why}"
                        )

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupt run, without intervention."""
        return BaseRun(clean=self._side("clean"), corrupt=self._side("corrupt"))

    def replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """What is put in the node's place: its layer's whole activation tensor, `prompt pos …`."""
        if intervention.value in ("clean", "corrupt"):
            return self.activation(intervention.value, node)
        own = self.activation(intervention.run, node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        # Prompts meet at the same position, which with padding on the left is not the same column.
        columns = (torch.arange(self.width, device=self.device) + self.begin[:, None]) % self.width
        aligned = self._moved(own, columns, node)
        if intervention.value == "mean":
            real = (torch.arange(self.width, device=self.device) < self.end[:, None] - self.begin[:, None] + 1).view(
                *self.real.shape, *[1] * (own.dim() - 2)
            )
            # float32 whatever the weights: a mean over many prompts loses digits in half precision
            total = (aligned.float() * real).sum(0, keepdim=True) / real.sum(0, keepdim=True)
            new = total.to(own.dtype).expand_as(own)
        else:
            donor = self.rows.roll(1)  # every prompt gets its neighbour's; prompts are drawn independently
            last = (self.end - self.begin)[donor][:, None]
            new = aligned[donor[:, None], torch.arange(self.width, device=self.device).minimum(last)]
        return self._moved(new, self.positions % self.width, node)

    def _moved(self, activation: Tensor, columns: Tensor, node: Node) -> Tensor:
        """Activations from other columns, `prompt pos`; a pattern's sources move with its destinations."""
        moved = activation[self.rows[:, None], columns]
        return moved.take_along_dim(columns[:, None, None], -1) if node.kind == "pattern" else moved

    @cached_property
    def real(self) -> Tensor:
        """True where there is a token and not padding, `prompt pos`."""
        return (self.positions >= 0) & (torch.arange(self.width, device=self.device) <= self.end[:, None])

    def mask(self, at: str | int | None) -> Tensor:
        """True where an intervention at this label or position acts, `prompt pos`."""
        if at is None:
            return torch.ones_like(self.real)
        if isinstance(at, int):
            return self.real & (self.positions == at)
        mask = torch.zeros_like(self.real)
        for row, positions in enumerate(self.batch.positions(at)):
            mask[row, [self.offsets[row] + position for position in positions]] = True
        return mask

    def finite(self, values: Tensor, where: str) -> Floats:
        """`… prompt` values as float64.

        Raises:
            MiChecksError: one of them is NaN or infinite; the message names the first prompt with one.
        """
        bad = (~torch.isfinite(values)).reshape(-1, len(self.batch)).any(0).nonzero()
        if len(bad):
            text = self.batch.pairs[int(bad[0])].clean.text
            raise MiChecksError(
                f"{self.subject.name}: {len(bad)} of {len(self.batch)} prompts give NaN or infinite logits at {END} "
                f"{where}, first prompt {int(bad[0])}: {text!r}; check the weights, or use --mi-dtype float32"
            )
        return values.double().cpu().numpy()

    def difference(self, logits: Tensor) -> Tensor:
        """Logits `… prompt d_vocab` → logit(answer) − mean (or highest) logit(foils), `… prompt`."""
        answer = logits.gather(-1, self.answers.expand(logits.shape[:-1])[..., None])[..., 0]
        foils = logits.gather(-1, self.foils.expand(*logits.shape[:-1], -1))
        return answer - self.reduced(foils)

    def reduced(self, foils: Tensor) -> Tensor:
        """Logits of the foils `… foil` → their mean, or the highest where the behaviour asks for it."""
        return foils.amax(-1) if self.batch.foil_reduction == "max" else foils.mean(-1)

    def _padded(self, rows: list[tuple[int, ...]]) -> Tensor:
        tokens = torch.zeros((len(rows), self.width), dtype=torch.long)
        for i, (row, offset) in enumerate(zip(rows, self.offsets, strict=True)):
            tokens[i, offset : offset + len(row)] = torch.tensor(row)
        return tokens.to(self.device)

    def _side(self, side: Side) -> SideRun:
        logits = self.base_logits(side)
        self.finite(logits.sum(-1), f"on the {side} prompts")
        answer = logits[self.rows, self.answers]
        foils = logits.gather(1, self.foils)
        top = logits.softmax(-1).topk(min(TOP, logits.shape[-1]))
        return SideRun(
            logit_diff=self.finite(self.difference(logits), f"on the {side} prompts"),
            beats_foils=(answer[:, None] > foils).all(1).cpu().numpy(),
            is_top=(logits.argmax(-1) == self.answers).cpu().numpy(),
            top=tuple(
                tuple(zip(ids, probabilities, strict=True))
                for ids, probabilities in zip(top.indices.tolist(), top.values.tolist(), strict=True)
            ),
        )
