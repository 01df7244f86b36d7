"""Layer norms and RMS norms as functions whose scale can be frozen.

What a norm does (whether it centres, its gain and its shift) is derived from the module's outputs, and not from its
class or configuration: families differ in where they store the gain, whether they add one to it, and its name.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mi_checks.errors import MiChecksError

LARGE_INPUT = 1e3  # an input so large that the ε under the root does not matter
EPSILON_NAMES = ("eps", "variance_epsilon", "epsilon")  # names of the attribute for ε
TOLERANCE = 1e-5  # relative to the largest output; RMS norms compute in float32 for inputs of any dtype


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
        return self.linear(x, x) + self.shift

    def linear(self, whole: Tensor, part: Tensor) -> Tensor:
        """Return what a part of a stream contributes if the scale is that of the whole, `… d_model`.

        The contributions of parts that add up to the whole stream add up to the norm of the whole without the shift.
        """
        return self._centre(part.float()) * self._gain(whole)

    def reader(self, whole: Tensor, direction: Tensor) -> Tensor:
        """Return the vector whose product with a part is `linear(whole, part) · direction`, `… d_model`."""
        return self._centre(self._gain(whole) * direction)

    def _gain(self, whole: Tensor) -> Tensor:
        scale = torch.rsqrt(self._centre(whole.float()).pow(2).mean(-1, keepdim=True) + self.eps)
        return self.gain * scale

    def _centre(self, x: Tensor) -> Tensor:
        return x - x.mean(-1, keepdim=True) if self.centred else x


def read_norm(module: nn.Module | None, width: int) -> Norm | None:
    """Return the function of a module on a stream of `width`; None if there is no module or it changes nothing.

    Raises:
        MiChecksError: the module is neither a layer norm nor an RMS norm.
    """
    own: Any = getattr(module, "original_component", module)
    if own is None:
        return None
    device = next(own.parameters(), torch.zeros(())).device
    function = copy.deepcopy(own).double()

    def apply(x: Tensor) -> Tensor:
        with torch.no_grad():
            y: Tensor = function(x.to(device)[None]).double()[0]
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
    eps = next((float(getattr(own, name)) for name in EPSILON_NAMES if getattr(own, name, None) is not None), 1e-5)
    norm = Norm(centred, eps, gain.float(), shift.float())
    for scale in (1e-3, 1e-2, 1.0, 30.0):
        x = scale * torch.randn(width, generator=generator, dtype=torch.float64).to(device)
        if not _close(norm(x).double(), apply(x)):
            raise MiChecksError(f"{type(own).__name__} is neither a layer norm nor an RMS norm")
    return norm


def _close(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= TOLERANCE * other.abs().max().clamp(min=1e-12))
