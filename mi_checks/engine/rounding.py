"""Rounding: the floor under which a difference of activations, logits or scores counts as zero.

A score is a difference of logits, which are sums of many terms in float32, so that its error grows with the size of the
logits and not with its own: a difference of 1e-6 between two logits of 10 is no measurement. The replay engine and
TransformerLens' hooks, which add the same terms in another order, differ on the nano models by up to 117 float32
roundings of the largest logit on single prompts, and by up to 10 in the mean over 16 prompts.
"""

from __future__ import annotations

import torch

FLOAT32_ROUNDINGS = 256  # relative to the largest value: twice the largest difference seen between two engines


def relative_floor(dtype: torch.dtype) -> float:
    """Return the fraction of the largest value that rounding may change: 3.1e-5, or one rounding of a coarser dtype."""
    return max(FLOAT32_ROUNDINGS * torch.finfo(torch.float32).eps, torch.finfo(dtype).eps)


FLOAT32_FLOOR = relative_floor(torch.float32)
