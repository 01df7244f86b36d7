"""The training of one nano model: seeded, resumable after a kill, and on a GPU if there is one."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from training.batches import BatchMix, TokenArrays, random_repeats, training_batch
from training.machine import precision
from training.model import SHAPES, NanoModel, initialise

MODELS_WITH_CHECKPOINTS = (
    "nano-attn-2l",
    "nano-gelu-2l",
)  # models whose training history ships, for checkpoint comparisons


@dataclass(frozen=True)
class Recipe:
    """All settings that determine the weights, as written to the model card."""

    model: str
    seed: int = 0
    steps: int = 1200
    batch_size: int = 64
    muon_lr: float = 0.01  # matrices inside the blocks
    adamw_lr: float = 0.003  # embeddings, unembedding, norms and biases
    weight_decay: float = 0.01
    warmup: int = 40
    decay_share: float = 0.35  # the fraction of training at its end over which the rates fall linearly to zero
    mix: BatchMix = field(default_factory=BatchMix)

    def rate(self, step: int) -> float:
        """Return the common factor of the learning rates at a step: warm-up, plateau, linear decay."""
        remaining = (self.steps - step) / (self.decay_share * self.steps)
        return min(1.0, (step + 1) / self.warmup, remaining)


@dataclass(frozen=True)
class LossProbe:
    """Losses in nats per token on fresh random repeats, at one step."""

    step: int
    train_loss: float
    first_copy: float
    second_copy: float
    seconds: float


def train(recipe: Recipe, data: Path, runs: Path, *, compiled: bool = False, save_every: int = 100) -> Path:
    """Train to the end of the recipe, from the last saved state if there is one; return the run's folder.

    The folder contains `state.pt` (for resuming), `log.jsonl` (one `LossProbe` per line), `final.safetensors` and, for
    the models in `MODELS_WITH_CHECKPOINTS`, `step-*.safetensors` every 50 steps.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = runs / recipe.model
    run.mkdir(parents=True, exist_ok=True)
    written = json.dumps(asdict(recipe), indent=1, sort_keys=True)
    if (run / "state.pt").exists() and (run / "recipe.json").read_text() != written:
        # Otherwise the card would name a recipe that did not produce the weights.
        raise SystemExit(
            f"{run} was started with another recipe; remove it, or train with the recipe in its recipe.json"
        )
    (run / "recipe.json").write_text(written)
    shape = SHAPES[recipe.model]
    model = NanoModel(shape)
    initialise(model, recipe.seed)
    model.to(device)
    optimizers = _optimizers(model, recipe)
    start, spent = 0, 0.0
    if (run / "state.pt").exists():
        state = torch.load(run / "state.pt", weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        start, spent = state["step"], state["seconds"]
        _truncate_log(run / "log.jsonl", start)
    rates = (recipe.muon_lr, recipe.adamw_lr)

    def loss_of(tokens: Tensor) -> Tensor:
        logits = model(tokens[:, :-1])
        return cross_entropy(logits.reshape(-1, shape.d_vocab), tokens[:, 1:].reshape(-1))

    loss_fn = torch.compile(loss_of) if compiled else loss_of
    corpus = TokenArrays(data)
    began = time.monotonic() - spent
    bar = tqdm(range(start, recipe.steps), initial=start, total=recipe.steps, desc=recipe.model)
    for step in bar:
        for optimizer, rate in zip(optimizers, rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * recipe.rate(step)
        rows = training_batch(
            corpus, recipe.mix, seed=recipe.seed, step=step,
            size=recipe.batch_size, n_ctx=shape.n_ctx + 1, d_vocab=shape.d_vocab,
        )  # fmt: skip
        with torch.autocast(device.type, torch.bfloat16, enabled=precision(device) == torch.bfloat16):
            loss = loss_fn(torch.from_numpy(rows).to(device))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        done = step + 1
        if done % 25 == 0 or done == recipe.steps:
            first, second = repeat_losses(model, seed=done, size=16)
            probe = LossProbe(done, loss.item(), first, second, time.monotonic() - began)
            with (run / "log.jsonl").open("a") as log:
                log.write(json.dumps(asdict(probe)) + "\n")
            bar.set_postfix(loss=f"{probe.train_loss:.2f}", repeats=f"{first:.2f}→{second:.2f}")
        if recipe.model in MODELS_WITH_CHECKPOINTS and done % 50 == 0:
            save_weights(model, run / f"step-{done:05d}.safetensors")
        if done % save_every == 0 or done == recipe.steps:
            _save_state(run / "state.pt", model, optimizers, done, time.monotonic() - began)
    save_weights(model, run / "final.safetensors")
    return run


def repeat_losses(model: NanoModel, *, seed: int, size: int, length: int = 50) -> tuple[float, float]:
    """Return the mean loss in nats on the first and on the second copy of random repeats.

    The second copy's first token is left out, because it cannot be told from a continuation of the first copy, so that
    no model predicts it.
    """
    device = model.head.weight.device
    rows = random_repeats(seed=seed, size=size, length=length, d_vocab=model.shape.d_vocab)
    tokens = torch.from_numpy(rows).to(device)
    with torch.no_grad():
        logits = model(tokens[:, :-1])
        losses = cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
    return losses[:, :length].mean().item(), losses[:, length + 1 :].mean().item()


def save_weights(model: NanoModel, path: Path) -> None:
    """Write the weights as float16 safetensors, atomically."""
    partial = path.with_suffix(".partial")
    save_file({k: v.detach().to("cpu", torch.float16).contiguous() for k, v in model.state_dict().items()}, partial)
    os.replace(partial, path)


def _optimizers(model: NanoModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        (matrices if parameter.dim() == 2 and name.startswith("layers.") else others).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=recipe.muon_lr, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.adamw_lr, betas=(0.9, 0.98), weight_decay=recipe.weight_decay, fused=True),
    ]


def _save_state(
    path: Path, model: NanoModel, optimizers: list[torch.optim.Optimizer], step: int, seconds: float
) -> None:
    partial = path.with_suffix(".partial")
    state = {
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "step": step,
        "seconds": seconds,
    }
    torch.save(state, partial)
    os.replace(partial, path)


def _truncate_log(log: Path, step: int) -> None:
    lines = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= step] if log.exists() else []
    log.write_text("".join(line + "\n" for line in lines))
