"""The probes of the guards, the layers that are compared on them, and the differences that count as rounding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import END, Prompt, PromptBatch, PromptPair

PROBE_TOKENS = 12  # tokens of a probe, unless an attention window needs more
TOKENS_BEYOND_WINDOW = 4  # tokens by which a probe is longer than the longest attention window
MAX_PROBE_TOKENS = 96  # tokens; longer probes would make the guards too slow
MAX_FULLY_PROBED_LAYERS = 4  # models of up to this many layers are probed in every layer
MAX_PROBED_LAYERS = 8  # number of probed layers in deeper models: the first of each structure
WINDOW_NAMES = ("sliding_window", "window_size", "attention_window", "local_attention_window")
# Attributes in which layers of the same structure may differ.
LAYER_ATTRIBUTES = ("layer_idx", "layer_id", "layer_number", "training", "name")


@dataclass(frozen=True)
class GuardProbes:
    """Two prompts of random tokens, and the layers that are probed.

    Attributes:
        tokens: the prompt that is run and the one whose activations are patched in, `2 pos`.
        layers: the probed layers, ascending.
        window: the longest attention window that the probes do not exceed; None if they exceed all windows.
    """

    tokens: Tensor
    layers: tuple[int, ...]
    window: int | None

    @property
    def description(self) -> str:
        """Return a short description of the probes."""
        layers = ", ".join(f"L{layer}" for layer in self.layers)
        beyond = f"; they do not exceed its attention window of {self.window} tokens" if self.window else ""
        return f"2 prompts of {self.tokens.shape[1]} random tokens, activations of {layers}{beyond}"

    def batch(self) -> PromptBatch:
        """Return the two prompts as a pair, with random tokens as answer and foil."""
        own, other = self.tokens.tolist()
        labels = {END: (len(own) - 1,)}
        prompts = [Prompt("", tuple(tokens), ("",) * len(own), labels) for tokens in (own, other)]
        answer, foil = (own[0],), (other[0],)
        return PromptBatch((PromptPair(prompts[0], prompts[1], ("",), ("",), (answer,), (foil,)),))


def make_probes(loaded_model: LoadedModel) -> GuardProbes:
    """Return the probes of a model, which are the same every time."""
    windows = sorted(set(_attention_windows(loaded_model)))
    reachable = [window for window in windows if window + TOKENS_BEYOND_WINDOW <= MAX_PROBE_TOKENS]
    length = max([PROBE_TOKENS, *(window + TOKENS_BEYOND_WINDOW for window in reachable)])
    n_heads, n_kv_heads = loaded_model.shape.n_heads, loaded_model.shape.n_kv_heads
    while length in (n_heads, n_kv_heads):  # so that no two axes have the same size
        length += 1
    length = min(length, loaded_model.n_ctx)
    known = [loaded_model.bridge.cfg.d_vocab]
    if loaded_model.tokenization is not None:
        known.append(loaded_model.tokenization.tokenizer.get_vocab_size())
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, min(known), (2, length), generator=generator)
    tokens[1] = torch.where(tokens[1] == tokens[0], (tokens[1] + 1) % min(known), tokens[1])
    device = next(loaded_model.bridge.parameters()).device
    return GuardProbes(
        tokens.to(device), _probed_layers(loaded_model), max((w for w in windows if w >= length), default=None)
    )


def _attention_windows(loaded_model: LoadedModel) -> Iterator[int]:
    """Yield the lengths of a model's attention windows that are shorter than its context."""
    configs: list[Any] = [loaded_model.bridge.cfg, getattr(loaded_model.bridge.original_model, "config", None)]
    for config in configs:
        for name in WINDOW_NAMES:
            window = getattr(config, name, None)
            if isinstance(window, int) and 0 < window < loaded_model.n_ctx:
                yield window


def _probed_layers(loaded_model: LoadedModel) -> tuple[int, ...]:
    """Return all layers of a shallow model; of a deep one, the first two and the first of each structure."""
    n_layers = loaded_model.shape.n_layers
    if n_layers <= MAX_FULLY_PROBED_LAYERS:
        return tuple(range(n_layers))
    first_layers: dict[object, int] = {}
    for layer, block in enumerate(loaded_model.bridge.blocks):
        first_layers.setdefault(_layer_structure(getattr(block, "original_component", block)), layer)
    return tuple(sorted({0, 1, *list(first_layers.values())[:MAX_PROBED_LAYERS]}))


def _layer_structure(block: nn.Module) -> object:
    """Return a key that differs between layers of different structure: modules, shapes of weights and settings."""
    modules = tuple(
        (name, type(module).__name__, tuple(sorted(_module_settings(module)))) for name, module in block.named_modules()
    )
    return modules, tuple((name, tuple(weight.shape)) for name, weight in block.named_parameters())


def _module_settings(module: nn.Module) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        if (
            name not in LAYER_ATTRIBUTES
            and not name.startswith("_")
            and isinstance(value, bool | int | float | str | None)
        ):
            yield name, repr(value)


@dataclass(frozen=True)
class RoundingTolerance:
    """The limits for one dtype.

    Attributes:
        relative: a fraction of the size of an effect; a wrong formula is off by at least a hundredth.
        absolute: a fraction of the size of the residual stream, whose rounding affects every effect.
        equal: a fraction of the largest entry, for activations that differ only in the order of additions.
    """

    relative: float
    absolute: float
    equal: float

    def error(self, wrong: float, *, effect: float, size: float) -> float:
        """Return a difference as a fraction of an effect or, if larger, of what rounding may change in the stream.

        It exceeds `relative` only if the difference is more than `relative` of the effect and more than `absolute` of
        the size.

        Args:
            wrong: the difference.
            effect: the size of the effect.
            size: the size of the residual stream.
        """
        return wrong / max(effect, size * self.absolute / self.relative, 1e-20)


ROUNDING_TOLERANCES = {
    torch.float64: RoundingTolerance(1e-4, 1e-6, 1e-6),  # some modules compute in float32 whatever the weights are
    torch.float32: RoundingTolerance(1e-3, 1e-5, 1e-4),
    torch.float16: RoundingTolerance(2e-2, 5e-3, 1e-2),
    torch.bfloat16: RoundingTolerance(1e-1, 3e-2, 5e-2),
}
