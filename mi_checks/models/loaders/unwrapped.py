"""A model without TransformerLens' hooks, as an oracle for the guards."""

from __future__ import annotations

import copy
from itertools import chain
from typing import TypeVar

from torch import nn

Model = TypeVar("Model", bound=nn.Module)


def sharing_weights(model: Model) -> Model:
    """Return a copy of a model's modules with the same parameters and buffers, which therefore takes no memory.

    It must be made before the model is wrapped, because TransformerLens replaces modules of the model.
    """
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    return copy.deepcopy(model, shared).eval()
