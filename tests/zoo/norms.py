"""Norms whose scale is that of a run."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Module


def frozen(norm: Module, run: Tensor, part: Tensor) -> Tensor:
    """Apply a norm to a part of what it is given in a run, with the scale that it has there and without its bias."""
    whole = norm.forward(run)
    eps = getattr(norm, "eps", getattr(norm, "variance_epsilon", 1e-5))
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if "RMS" in type(norm).__name__:
        ones = torch.ones_like(run)
        scale = norm.forward(ones) * (1 + eps) ** 0.5  # the weight, or one more than it, as the family has it

        def apply(vector: Tensor) -> Tensor:
            return vector / (run.pow(2).mean(-1, keepdim=True) + eps).sqrt() * scale
    else:
        deviation = (run.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
        scale = torch.ones_like(run) if weight is None else weight

        def apply(vector: Tensor) -> Tensor:
            return (vector - vector.mean(-1, keepdim=True)) / deviation * scale

    again = apply(run) + (0 if bias is None else bias)
    assert (again - whole).abs().max() < 1e-5 * whole.abs().max(), f"{type(norm).__name__} is not the norm it seems"
    return apply(part)
