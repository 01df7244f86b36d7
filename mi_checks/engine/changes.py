"""Changes of activations: whether an intervention changes anything, before its effect on the score is measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mi_checks.engine.base_run import Floats
from mi_checks.engine.causality import can_reach_end
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Kind, Node
from mi_checks.engine.rounding import relative_floor
from mi_checks.engine.scores import intervention_name


@dataclass(frozen=True)
class Changes(Quantity):
    """On which prompts an intervention changes an activation, and on which of them the change can affect END.

    An activation is changed if the new value differs from the old one by more than rounding may change the layer's
    largest activation at that position. The values are 1 or 0, `2 prompt`: the first row says whether anything is
    changed, the second whether the change can causally affect END.
    """

    by_row = True

    intervention: Intervention
    rows: tuple[int, ...] = (0, 1)

    def names(self) -> tuple[str, ...]:
        """Return the names of the rows, each with the intervention."""
        names = [("changes", "changes what END can see")[row] for row in self.rows]
        return tuple(json.dumps([name, intervention_name(self.intervention)]) for name in names)

    def only(self, rows: Sequence[int]) -> Changes:
        """Return the quantity with only these rows."""
        return Changes(self.intervention, tuple(self.rows[row] for row in rows))

    def of(self, engine: Engine) -> Floats:
        """Return the rows, `row prompt`, from a comparison of new and old activations.

        Raises:
            MiChecksError: the intervention is undefined for this model.
        """
        engine.admission.admit([self.intervention])
        return _changes(engine, self.intervention)[list(self.rows)]


def _changes(engine: Engine, intervention: Intervention) -> Floats:
    """Return both rows of `Changes`, `2 prompt`."""
    layout = engine.layouts[intervention.run]
    acted_on = engine.mask(intervention.run, intervention.at) & layout.real
    by_place: dict[tuple[int, Kind], list[Node]] = {}
    for node in intervention.nodes:
        by_place.setdefault((node.layer, node.kind), []).append(node)
    by_row = torch.zeros((2, len(engine.rows)), dtype=torch.bool, device=engine.device)
    with torch.no_grad():
        for nodes in by_place.values():
            own, new = engine.activation(intervention.run, nodes[0]), engine.replacement(intervention, nodes[0])
            difference = (new.float() - own.float()).abs()
            floor = relative_floor(own.dtype) * _size(engine, intervention, nodes[0], own, new)
            whole = any(node.index is None for node in nodes)
            chosen = difference if whole else difference[:, :, [node.index for node in nodes]]
            changed = (chosen.reshape(*chosen.shape[:2], -1).amax(2) > floor) & acted_on
            by_row[0] |= changed.any(1)
            by_row[1] |= can_reach_end(intervention, nodes[0], changed, layout, engine.loaded_model.shape.n_layers - 1)
    of_prompt = torch.zeros((2, len(engine.batch)), device=engine.device)
    pairs = torch.tensor([row.pair for row in engine.run_rows], device=engine.device)
    of_prompt.index_add_(1, pairs, by_row.float())
    values: Floats = (of_prompt > 0).double().cpu().numpy()
    return values


def _size(engine: Engine, intervention: Intervention, node: Node, own: Tensor, new: Tensor) -> Tensor:
    """Return the largest activation of a layer at each position, `row pos`, to which rounding is relative.

    What an attention layer or an MLP writes is added to the residual stream, and is rounded like the stream.
    """
    several = [own, new]
    if node.kind in ("attn", "mlp"):
        several.append(engine.activation(intervention.run, Node(node.layer, "resid_post")))
    sizes = [each.float().abs().reshape(*each.shape[:2], -1).amax(2) for each in several]
    return torch.stack(sizes).amax(0)
