"""A model as it is before TransformerLens puts its hooks into it: the oracle of the guards."""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar

from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def sharing_weights(model: Model) -> Model:
    """Return a copy of a model's modules with the same parameters and buffers, which therefore takes no memory.

    Make it before the model is wrapped: TransformerLens replaces the modules of what it wraps.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return copy.deepcopy(model, shared).eval()
