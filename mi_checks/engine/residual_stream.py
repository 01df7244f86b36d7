"""Sublayers that write to the residual stream, norms, and the unembedding: one definition for all families of models.

An attention layer or an MLP adds multiplier · norm(projection(inner)), where inner is z of all heads or the neurons.
Most families have no such norm and a multiplier of 1. Gemma 2, Gemma 3 and OLMo 2 put a norm after the projection, and
Granite multiplies what is added. A path compares two runs, so the norm is applied to both of them and the difference
counts. Direct logit attribution is linear, so the norm's scale is frozen at its value in the run, like the final
norm's. Whether this definition is right for a model is checked when the model is loaded (`mi_checks.engine.guards`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.generalized_components import ParallelBlockBridge

from mi_checks.errors import MiChecksError

LARGE_INPUT = 1e3  # an input so large that the ε under the root does not matter
EPSILON_NAMES = ("eps", "variance_epsilon", "epsilon")  # names of the attribute for ε
MAX_RELATIVE_NORM_ERROR = 1e-5  # relative to the largest output; RMS norms compute in float32 for inputs of any dtype


@dataclass(frozen=True)
class Norm:
    """The function gain · (x − mean x) / √(mean (x − mean x)² + ε) + shift, or the same without the mean.

    Attributes:
        centred: whether the mean is subtracted (layer norm) or not (RMS norm).
        eps: ε.
        gain: `d_model`, float32.
        shift: `d_model`, float32.
    """

    centred: bool
    eps: float
    gain: Tensor
    shift: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return the norm of a stream, `… d_model`."""
        return self.linear_part(x, x) + self.shift

    def linear_part(self, whole: Tensor, part: Tensor) -> Tensor:
        """Return what a part of a stream contributes if the scale is that of the whole, `… d_model`.

        The contributions of parts that add up to the whole stream add up to the norm of the whole without the shift.
        """
        return self._centre(part.float()) * self._scaled_gain(whole)

    def adjoint(self, whole: Tensor, direction: Tensor) -> Tensor:
        """Return the vector v with v · part = `linear_part(whole, part)` · direction, `… d_model`."""
        return self._centre(self._scaled_gain(whole) * direction)

    def _scaled_gain(self, whole: Tensor) -> Tensor:
        scale = torch.rsqrt(self._centre(whole.float()).pow(2).mean(-1, keepdim=True) + self.eps)
        return self.gain * scale

    def _centre(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.centred else x


def read_norm(module: nn.Module | None, width: int) -> Norm | None:
    """Return the function of a module on a stream of `width`; None if there is no module or it changes nothing.

    What a norm does (whether it centres, its gain and its shift) is derived from the module's outputs, and not from its
    class or configuration: families differ in where they store the gain, whether they add one to it, and its name.

    Raises:
        MiChecksError: the module is neither a layer norm nor an RMS norm.
    """
    norm_module: Any = getattr(module, "original_component", module)
    if norm_module is None:
        return None
    device = next(norm_module.parameters(), torch.zeros(())).device
    module_double = copy.deepcopy(norm_module).double()

    def apply(x: Tensor) -> Tensor:
        with torch.no_grad():
            y: Tensor = module_double(x.to(device)[None]).double()[0]
        return y

    # Half of the signs are positive, so that no centred entry is near zero.
    generator = torch.Generator().manual_seed(0)
    signs = torch.where(torch.randperm(width, generator=generator) < width // 2, 1.0, -1.0).double().to(device)
    size = torch.linspace(0.5, 1.5, width, dtype=torch.float64, device=device)
    probe = LARGE_INPUT * signs * size
    if torch.equal(apply(probe).float(), probe.float()):
        return None
    centred = bool(_close(apply(probe), apply(probe + LARGE_INPUT)))
    shift = apply(torch.zeros_like(probe))
    middle = probe - probe.mean() if centred else probe
    gain = (apply(probe) - shift) / (middle / middle.pow(2).mean().sqrt())
    epsilons = (getattr(norm_module, name, None) for name in EPSILON_NAMES)
    eps = next((float(epsilon) for epsilon in epsilons if epsilon is not None), 1e-5)
    norm = Norm(centred, eps, gain.float(), shift.float())
    for scale in (1e-3, 1e-2, 1.0, 30.0):
        x = scale * torch.randn(width, generator=generator, dtype=torch.float64).to(device)
        if not _close(norm(x).double(), apply(x)):
            raise MiChecksError(f"{type(norm_module).__name__} is neither a layer norm nor an RMS norm")
    return norm


def _close(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= MAX_RELATIVE_NORM_ERROR * other.abs().max().clamp(min=1e-12))


SublayerKind = Literal["attn", "mlp"]
PROJECTION_NAMES = {"attn": "o", "mlp": "out"}  # TransformerLens' names of the projections of z and of the neurons
NORM_NAMES = {"attn": "ln1_post", "mlp": "ln2_post"}  # TransformerLens' names of the norms after them


@dataclass(frozen=True)
class Sublayer:
    """The function by which one attention layer or MLP adds to the residual stream.

    Attributes:
        projection: W_O or W_out, `… d_inner` → `… d_model`, with its bias.
        norm: the norm after it, or None.
        multiplier: a factor that is applied to what is added.
    """

    projection: nn.Module
    norm: Norm | None
    multiplier: float

    def stream_change(self, inner: Tensor) -> Tensor:
        """Return what the layer adds to the stream, `… d_model`, given z of all heads or all neurons, `… d_inner`."""
        with torch.no_grad():
            projected: Tensor = self.projection(inner)
            normed = projected if self.norm is None else self.norm(projected).to(projected.dtype)
            return normed * self.multiplier

    def linear_part(self, whole: Tensor, part: Tensor) -> Tensor:
        """Return what a part of the inner activations adds, `… d_model`, with the norm's scale frozen at the whole's.

        Biases are left out, so that the parts of the whole add up to what the layer adds without its biases.
        """
        projected = self._project_without_bias(part)
        if self.norm is not None:
            with torch.no_grad():
                projected = self.norm.linear_part(self.projection(whole), projected).to(projected.dtype)
        return projected * self.multiplier

    def adjoint(self, whole: Tensor, direction: Tensor) -> Tensor:
        """Return the vector v with v · part = `linear_part(whole, part)` · direction, `row d_inner`, float32."""
        if self.norm is not None:
            with torch.no_grad():
                direction = self.norm.adjoint(self.projection(whole), direction)
        with torch.enable_grad():
            inner = torch.zeros_like(whole).requires_grad_()
            written = (self.projection(inner).float() * direction * self.multiplier).sum()
            (gradient,) = torch.autograd.grad(written, inner)
        return gradient.float()

    def _project_without_bias(self, part: Tensor) -> Tensor:
        with torch.no_grad():
            projected: Tensor = self.projection(part) - self.projection(torch.zeros_like(part))
        return projected


@dataclass(frozen=True)
class Unembedding:
    """The function from the final residual stream to the logits: final norm, unembedding, logit scale.

    Attributes:
        norm: the final norm, or None.
        projection: the modules after it, in order; the last has the vocabulary's width.
        scale: a factor that is applied to the logits (Cohere's `logit_scale`, one over Granite's `logits_scaling`).
    """

    norm: Norm | None
    projection: tuple[nn.Module, ...]
    scale: float

    def logits(self, resid: Tensor) -> Tensor:
        """Return the logits of a final stream, `… d_model` → `… d_vocab`, float32."""
        return self.logits_of_normed(resid if self.norm is None else self.norm(resid).to(resid.dtype))

    def logits_of_normed(self, normed: Tensor) -> Tensor:
        """Return the logits of the final norm's output, `… d_model` → `… d_vocab`, float32."""
        logits = normed
        for module in self.projection:
            logits = module(logits)
        return logits.float() * self.scale

    def adjoint(self, resid: Tensor, direction: Tensor) -> Tensor:
        """Return the vector v with v · part = (the normed part) · direction, `row d_model`.

        Args:
            resid: the final stream, which sets the norm's scale, `row d_model`.
            direction: a direction after the norm, `row d_model`.
        """
        return direction if self.norm is None else self.norm.adjoint(resid, direction)


def is_parallel(bridge: TransformerBridge) -> bool:
    """Return whether attention and MLP of a layer read the same residual stream, so that there is no `resid_mid`."""
    return isinstance(bridge.blocks[0], ParallelBlockBridge)


def read_sublayer(bridge: TransformerBridge, layer: int, kind: SublayerKind) -> Sublayer | None:
    """Return how a layer's attention or MLP adds to the stream; None if it has several projections (experts).

    Raises:
        MiChecksError: a module after the projection is not a known kind of norm.
    """
    block: Any = bridge.blocks[layer]
    component = getattr(block, kind, None)
    projection = getattr(getattr(component, PROJECTION_NAMES[kind], None), "original_component", None)
    if projection is None:
        return None
    multiplier = float(getattr(block, "residual_contribution_scale", 1.0))
    return Sublayer(projection, read_norm(getattr(block, NORM_NAMES[kind], None), bridge.cfg.d_model), multiplier)


def read_unembedding(bridge: TransformerBridge) -> Unembedding:
    """Return the function from a model's final stream to its logits.

    Raises:
        MiChecksError: the final norm is not of a known kind.
    """
    model: Any = bridge
    modules_after_norm = (getattr(model, "project_out", None), model.unembed)
    modules = tuple(
        getattr(module, "original_component", module) for module in modules_after_norm if module is not None
    )
    return Unembedding(
        read_norm(getattr(model, "ln_final", None), bridge.cfg.d_model), modules, read_logit_scale(bridge)
    )


def read_logit_scale(bridge: TransformerBridge) -> float:
    """Return the factor applied to the logits after the unembedding; Cohere multiplies by it, Granite divides."""
    config: Any = getattr(bridge.original_model, "config", None)
    times, by = (getattr(config, name, None) for name in ("logit_scale", "logits_scaling"))
    return float(times or 1.0) / float(by or 1.0)
