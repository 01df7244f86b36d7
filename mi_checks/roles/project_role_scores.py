"""The role scores that a project adds by the hook `pytest_mi_role_scores`, and the validation of their results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mi_checks.errors import MiChecksError
from mi_checks.faults.project_code import report_project_errors, source_file
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.stats.floor import Floats


def project_score(name: str, function: Callable[..., Any], loaded_model: LoadedModel, component: str) -> Floats:
    """Return a project's own score of every head or neuron, `layer index`.

    Raises:
        MiChecksError: the function raised, returned something other than an array of that shape, or a score is not
            finite; or the model has no neurons that can be named.
    """
    shape = loaded_model.shape
    width = shape.n_heads if component == "head" else shape.d_mlp
    if not width:
        why = shape.no_neurons if shape.has_mlps else "it has only attention layers"
        raise MiChecksError(f"{loaded_model.name} has no neurons for the role score {name!r}: {why}")
    with report_project_errors(f"the role score {name!r} on {loaded_model.name}", source_file(function)):
        result = function(loaded_model)
    expected = f"one number for each of the {shape.n_layers} × {width} {component}s, `layer {component}`"
    if hasattr(result, "detach"):  # a torch tensor
        result = result.detach().float().cpu()
    try:
        scores: Floats = np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError):
        kind = type(result).__name__
        raise MiChecksError(f"the role score {name!r} must return an array of {expected}, not a {kind}") from None
    if scores.shape != (shape.n_layers, width):
        shape_text = " × ".join(map(str, scores.shape)) or "a single number"
        raise MiChecksError(f"the role score {name!r} must return an array of {expected}, not {shape_text}")
    if not np.isfinite(scores).all():
        layer, index = np.argwhere(~np.isfinite(scores))[0]
        node = f"L{layer}{component[0].upper()}{index}"
        raise MiChecksError(
            f"the role score {name!r} of {node} in {loaded_model.name} is {scores[layer, index]}; scores must be finite"
        )
    return scores
