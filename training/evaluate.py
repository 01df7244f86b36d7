"""The evaluation of a finished model: held-out losses beside the baselines, losses on repeats, and ship criteria."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from training.batches import BatchMix, Ids, TokenArrays, random_repeats
from training.model import NanoModel, NanoShape
from training.ngram_baselines import BigramModel, fit_bigram
from training.train import repeat_losses

N_WINDOWS = 256
N_REPEATS = 64
REPEAT_LENGTH = 50
REPEAT_SEED = 1_000_003  # the probes in the training log use the number of the step, which is far smaller
MAX_INDUCTION_RATIO = 0.5  # maximum ratio of the second copy's loss to the first's
KINDS = ("code", "prose")


@dataclass(frozen=True)
class TextLoss:
    """Losses in nats per token on the same held-out windows."""

    model: float
    own_bigram: float  # fitted on this kind of text alone
    bigram: float  # fitted on code and prose
    unigram: float


@dataclass(frozen=True)
class RepeatLoss:
    """Losses in nats per token on fresh random tokens, repeated.

    `shuffled_copy` is the control: the second copy in another order, so that a model that only makes earlier tokens
    likelier does as well on it as on `second_copy`, and a model with induction heads does not.
    """

    first_copy: float
    second_copy: float
    shuffled_copy: float

    @property
    def shows_induction(self) -> bool:
        """Return whether the second copy's loss is at most `MAX_INDUCTION_RATIO` of the first's."""
        return self.second_copy <= MAX_INDUCTION_RATIO * self.first_copy


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one set of weights."""

    code: TextLoss
    prose: TextLoss
    repeats: RepeatLoss

    @property
    def beats_bigram(self) -> bool:
        """Return whether the loss is below that of both bigrams, on code and on prose."""
        return all(loss.model < min(loss.bigram, loss.own_bigram) for loss in (self.code, self.prose))

    def failures(self, shape: NanoShape) -> tuple[str, ...]:
        """Return why a model of this shape must not ship; empty if it may."""
        reasons = []
        for kind, loss in (("code", self.code), ("prose", self.prose)):
            counted = min(loss.bigram, loss.own_bigram)
            if loss.model >= counted:
                reasons.append(f"held-out {kind}: {loss.model:.3f} nats, no better than a bigram's {counted:.3f}")
        copies = f"{self.repeats.second_copy:.3f} nats on a second copy, {self.repeats.first_copy:.3f} on the first"
        if shape.n_layers >= 2 and not self.repeats.shows_induction:
            reasons.append(f"no induction: {copies}, but {shape.n_layers} layers must at least halve it")
        if shape.n_layers == 1 and shape.attn_only and self.repeats.shows_induction:
            reasons.append(f"induction in one attention layer, where it must not occur: {copies}")
        return tuple(reasons)


@dataclass(frozen=True)
class EvaluationData:
    """The held-out windows and the baselines, the same for every model."""

    rows: Mapping[str, Ids]
    bigram: BigramModel
    own_bigram: Mapping[str, BigramModel]

    @staticmethod
    def of(data: Path, *, n_ctx: int, d_vocab: int) -> EvaluationData:
        """Fit the baselines on the arrays that `prepare` wrote, and cut the held-out windows."""
        train, held_out = TokenArrays(data), TokenArrays(data, "held_out")
        mix = BatchMix()
        prose = 1.0 - mix.code - mix.repeated_random - mix.repeated_text
        return EvaluationData(
            {"code": windows(held_out.code, n_ctx), "prose": windows(held_out.prose, n_ctx)},
            fit_bigram((train.code, train.prose), (mix.code, prose), window=n_ctx, d_vocab=d_vocab),
            {
                "code": fit_bigram((train.code,), (1.0,), window=n_ctx, d_vocab=d_vocab),
                "prose": fit_bigram((train.prose,), (1.0,), window=n_ctx, d_vocab=d_vocab),
            },
        )

    def evaluate(self, model: NanoModel) -> Evaluation:
        """Measure one model."""
        losses = {}
        for kind in KINDS:
            unigram, bigram = self.bigram.losses(self.rows[kind])
            _, own_bigram = self.own_bigram[kind].losses(self.rows[kind])
            losses[kind] = TextLoss(text_loss(model, self.rows[kind]), own_bigram, bigram, unigram)
        return Evaluation(losses["code"], losses["prose"], evaluate_repeats(model))


def windows(text: npt.NDArray[np.uint16], n_ctx: int, count: int = N_WINDOWS) -> Ids:
    """Return token 0 and then `n_ctx` tokens, `count n_ctx+1`, from evenly spaced places of the text."""
    starts = np.linspace(0, len(text) - n_ctx, count).astype(np.int64)
    rows = np.zeros((count, n_ctx + 1), dtype=np.int64)
    rows[:, 1:] = text[starts[:, None] + np.arange(n_ctx)]
    return rows


def load_weights(weights: Path, shape: NanoShape) -> NanoModel:
    """Return the model as it ships: float16 on disk, float32 in memory."""
    model = NanoModel(shape)
    model.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    return model.eval()


def text_loss(model: NanoModel, rows: Ids) -> float:
    """Return the loss in nats per token, given each row's first token."""
    with torch.no_grad():
        parts = [_losses(model, torch.from_numpy(rows[start : start + 32])) for start in range(0, len(rows), 32)]
    return torch.cat(parts).mean().item()


def evaluate_repeats(
    model: NanoModel, *, seed: int = REPEAT_SEED, size: int = N_REPEATS, length: int = REPEAT_LENGTH
) -> RepeatLoss:
    """Return losses on repeats that differ from those of all training steps and probes."""
    first, second = repeat_losses(model, seed=seed, size=size, length=length)
    rows = random_repeats(seed=seed, size=size, length=length, d_vocab=model.shape.d_vocab)
    rows[:, length + 1 :] = np.random.default_rng((seed, 2**31, 1)).permuted(rows[:, length + 1 :], axis=1)
    with torch.no_grad():
        shuffled = _losses(model, torch.from_numpy(rows))[:, length + 1 :].mean().item()
    return RepeatLoss(first, second, shuffled)


def _losses(model: NanoModel, tokens: torch.Tensor) -> torch.Tensor:
    return cross_entropy(model(tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none")
