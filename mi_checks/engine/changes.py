"""Whether an intervention changes anything, before it is asked what that does to the score."""

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
    """On which prompts an intervention changes an activation, and on which of them END can see the change.

    An activation is changed where what is put there differs from what was there by more than rounding may change in
    the layer's largest activation at that position. 1 or 0, `2 prompt`: first whether anything is changed, then whether
    what is changed can matter to END by causality.
    """

    by_row = True

    intervention: Intervention
    rows: tuple[int, ...] = (0, 1)

    def names(self) -> tuple[str, ...]:
        """Return which of the two is asked, and the intervention."""
        asked = [("changes", "changes what END can see")[row] for row in self.rows]
        return tuple(json.dumps([what, intervention_name(self.intervention)]) for what in asked)

    def only(self, rows: Sequence[int]) -> Changes:
        """Return one of the two."""
        return Changes(self.intervention, tuple(self.rows[row] for row in rows))

    def of(self, engine: Engine) -> Floats:
        """Compare what is put in the nodes' places with what was there.

        Raises:
            MiChecksError: the intervention has no meaning in this model.
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
    found = torch.zeros((2, len(engine.rows)), dtype=torch.bool, device=engine.device)
    with torch.no_grad():
        for nodes in by_place.values():
            own, new = engine.activation(intervention.run, nodes[0]), engine.replacement(intervention, nodes[0])
            difference = (new.float() - own.float()).abs()
            floor = relative_floor(own.dtype) * _size(engine, intervention, nodes[0], own, new)
            whole = any(node.index is None for node in nodes)
            chosen = difference if whole else difference[:, :, [node.index for node in nodes]]
            changed = (chosen.reshape(*chosen.shape[:2], -1).amax(2) > floor) & acted_on
            found[0] |= changed.any(1)
            found[1] |= can_reach_end(intervention, nodes[0], changed, layout, engine.subject.shape.n_layers - 1)
    of_prompt = torch.zeros((2, len(engine.batch)), device=engine.device)
    pairs = torch.tensor([row.pair for row in engine.run_rows], device=engine.device)
    of_prompt.index_add_(1, pairs, found.float())
    values: Floats = (of_prompt > 0).double().cpu().numpy()
    return values


def _size(engine: Engine, intervention: Intervention, node: Node, own: Tensor, new: Tensor) -> Tensor:
    """Return the largest activation of a layer at each position, `row pos`: what rounding is relative to.

    What layers write is added to the residual stream, and is rounded as that is.
    """
    several = [own, new]
    if node.kind in ("attn", "mlp"):
        several.append(engine.activation(intervention.run, Node(node.layer, "resid_post")))
    sizes = [each.float().abs().reshape(*each.shape[:2], -1).amax(2) for each in several]
    return torch.stack(sizes).amax(0)
