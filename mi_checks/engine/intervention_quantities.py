"""Quantities of interventions and edge circuits: scores, and whether a change can reach END at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import EdgeCircuit, Intervention
from mi_checks.engine.nodes import Kind, Node
from mi_checks.engine.prompt_layout import PromptLayout
from mi_checks.engine.readout import relative_floor
from mi_checks.stats.floor import Floats


@dataclass(frozen=True)
class InterventionScores(Quantity):
    """The scores under several interventions, `intervention prompt`.

    Attributes:
        interventions: the interventions, each of which is made in a run of its own.
        title: the title of the progress bar.
    """

    by_row = True
    signed = True

    interventions: tuple[Intervention, ...]
    title: str = field(default="patching", compare=False)

    def names(self) -> tuple[str, ...]:
        """Return a name for each intervention, built from all of its fields."""
        return tuple(map(intervention_name, self.interventions))

    def select_rows(self, rows: Sequence[int]) -> InterventionScores:
        """Return the quantity with only these interventions."""
        return replace(self, interventions=tuple(self.interventions[row] for row in rows))

    def compute(self, engine: Engine) -> Floats:
        """Return the engine's scores, `intervention prompt`."""
        return engine.scores(list(self.interventions), self.title)


@dataclass(frozen=True)
class EdgeScores(Quantity):
    """The scores in several circuits of edges, `circuit prompt`.

    Attributes:
        circuits: the circuits, each of which is run on its own.
        title: the title of the progress bar.
    """

    by_row = True
    signed = True

    circuits: tuple[EdgeCircuit, ...]
    title: str = field(default="edges", compare=False)

    def names(self) -> tuple[str, ...]:
        """Return a name for each circuit, built from all of its fields; the order of its edges does not matter."""
        return tuple(
            json.dumps(
                ["edges", each.value, each.mlps, sorted([str(sender), str(reader)] for sender, reader in each.edges)]
            )
            for each in self.circuits
        )

    def select_rows(self, rows: Sequence[int]) -> EdgeScores:
        """Return the quantity with only these circuits."""
        return replace(self, circuits=tuple(self.circuits[row] for row in rows))

    def compute(self, engine: Engine) -> Floats:
        """Return the engine's scores, `circuit prompt`."""
        return engine.edge_scores(list(self.circuits), self.title)


def intervention_name(intervention: Intervention) -> str:
    """Return a name that identifies the intervention."""
    nodes, into, *onward = (
        [str(node) for node in part] for part in (intervention.nodes, intervention.into, *intervention.onward)
    )
    return json.dumps([nodes, intervention.at, intervention.run, intervention.value, into, *onward])


@dataclass(frozen=True)
class InterventionChanges(Quantity):
    """Whether an intervention changes an activation on each prompt, and whether the change can affect END.

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

    def select_rows(self, rows: Sequence[int]) -> InterventionChanges:
        """Return the quantity with only these rows."""
        return InterventionChanges(self.intervention, tuple(self.rows[row] for row in rows))

    def compute(self, engine: Engine) -> Floats:
        """Return the rows, `row prompt`, from a comparison of new and old activations.

        Raises:
            MiChecksError: the intervention is undefined for this model.
        """
        engine.supported.require_interventions([self.intervention])
        return _changed_prompts(engine, self.intervention)[list(self.rows)]


def _changed_prompts(engine: Engine, intervention: Intervention) -> Floats:
    """Return both rows of `InterventionChanges`, `2 prompt`."""
    layout = engine.layouts[intervention.run]
    acted_on = engine.mask(intervention.run, intervention.at) & layout.is_token
    by_place: dict[tuple[int, Kind], list[Node]] = {}
    for node in intervention.nodes:
        by_place.setdefault((node.layer, node.kind), []).append(node)
    by_row = torch.zeros((2, len(engine.rows)), dtype=torch.bool, device=engine.device)
    with torch.no_grad():
        for nodes in by_place.values():
            own, new = engine.activation(intervention.run, nodes[0]), engine.replacement(intervention, nodes[0])
            difference = (new.float() - own.float()).abs()
            floor = relative_floor(own.dtype) * _largest_activations(engine, intervention, nodes[0], own, new)
            whole = any(node.index is None for node in nodes)
            chosen = difference if whole else difference[:, :, [node.index for node in nodes]]
            changed = (chosen.reshape(*chosen.shape[:2], -1).amax(2) > floor) & acted_on
            by_row[0] |= changed.any(1)
            by_row[1] |= can_reach_end(intervention, nodes[0], changed, layout, engine.loaded_model.shape.n_layers - 1)
    of_prompt = torch.zeros((2, len(engine.batch)), device=engine.device)
    pairs = torch.tensor([row.pair for row in engine.prompt_rows], device=engine.device)
    of_prompt.index_add_(1, pairs, by_row.float())
    values: Floats = (of_prompt > 0).double().cpu().numpy()
    return values


def _largest_activations(engine: Engine, intervention: Intervention, node: Node, own: Tensor, new: Tensor) -> Tensor:
    """Return the largest activation of a layer at each position, `row pos`, to which rounding is relative.

    What an attention layer or an MLP writes is added to the residual stream, and is rounded like the stream.
    """
    several = [own, new]
    if node.kind in ("attn", "mlp"):
        several.append(engine.activation(intervention.run, Node(node.layer, "resid_post")))
    sizes = [each.float().abs().reshape(*each.shape[:2], -1).amax(2) for each in several]
    return torch.stack(sizes).amax(0)


def can_reach_end(intervention: Intervention, node: Node, changed: Tensor, layout: PromptLayout, last: int) -> Tensor:
    """Return for which rows a change of one node can affect the logits at END, whatever the weights are.

    Positions before END are read only by the attention of later layers, keys and values only by the queries of later
    positions, and the first token attends only to itself, whatever its query is.

    Args:
        intervention: the intervention that makes the change; if it has hops, only their receivers see the change.
        node: one of its nodes.
        changed: where the node is changed, `row pos`.
        layout: the layout of the run intervened on.
        last: the index of the last layer.

    Returns:
        Booleans, `row`.
    """
    if not intervention.hops:
        return _read_at_end(_written_differently(node.kind, changed, layout), node.layer, layout, last)
    *inner, final = intervention.hops
    for hop in inner:
        seen = [_written_differently(receiver.kind, changed, layout) for receiver in hop]
        changed = _any_of(seen)
    return _any_of(
        [_read_at_end(_written_differently(end.kind, changed, layout), end.layer, layout, last) for end in final]
    )


def _written_differently(kind: Kind, changed: Tensor, layout: PromptLayout) -> Tensor:
    """Return where a node, or the reader of an input, writes differently if it is changed at some positions."""
    behind = (changed.int().cumsum(1) > 0) & layout.is_token
    several = layout.positions > 0  # attention to a single source is 1, whatever the query and the key
    match kind:
        case "q" | "pattern":
            return changed & several
        case "k":
            return behind & several
        case "v" | "resid_pre":
            return behind
        case _:
            return changed


def _read_at_end(written: Tensor, layer: int, layout: PromptLayout, last: int) -> Tensor:
    """Return whether what is written in a layer (−1: into the stream that the unembedding reads) can be read at END."""
    if 0 <= layer < last:
        return written.any(1)
    return written.gather(1, layout.end[:, None])[:, 0]


def _any_of(several: list[Tensor]) -> Tensor:
    first, *others = several
    for other in others:
        first = first | other
    return first
