"""A bridge's norms with their scale held still, and what follows them differentiated."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def frozen(norm: Any, whole: Tensor, part: Tensor) -> Tensor:
    """A bridge's norm of a part of the stream, divided by what the whole stream is divided by; `row pos d_model`."""
    scales: list[Tensor] = []

    def keep(scale: Tensor, hook: Any) -> None:  # noqa: ARG001  # TransformerLens passes it by name
        scales.append(scale.detach())

    def put(_scale: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
        return scales[0]

    point = getattr(norm, "hook_scale", None)
    if point is None:  # nothing is normed
        passed: Tensor = norm(part)
        return passed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that the hooked scale is used, which is the point
        for hook, x in ((keep, whole), (put, part)):
            point.add_hook(hook)
            try:
                normed: Tensor = norm(x)
            finally:
                point.remove_hooks()
    return normed


def gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Of the sum of a function's values."""
    with torch.enable_grad():
        leaf = at.detach().requires_grad_()
        (found,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return found
