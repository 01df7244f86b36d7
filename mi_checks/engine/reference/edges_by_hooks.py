"""Edge circuits by hooks: for each layer, one run for every distinct stream that its readers see; used as an oracle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from mi_checks.engine.interventions import EdgeCircuit, Intervention, Side, ablate, reaches, readers, senders
from mi_checks.engine.nodes import LOGITS, Kind, Node
from mi_checks.engine.reference.hook_sites import HookSite, node_mask
from mi_checks.models.loaded_model import LoadedModel


class HookedEngine(Protocol):
    """The part of `ReferenceEngine` that edge circuits use."""

    loaded_model: LoadedModel

    def logits_with(self, side: Side, sites: list[HookSite], first: int = 0) -> Tensor:
        """Return the logits at END of a run with all sites installed, `row d_vocab`."""

    def activations_with(self, side: Side, sites: list[HookSite], hooks: list[str], first: int = 0) -> list[Tensor]:
        """Return the activations at some hooks in such a run, each `row pos …`."""

    def activation(self, side: Side, node: Node) -> Tensor:
        """Return a layer's activations in a run without intervention, `row pos …`."""

    def added_change(self, node: Node, own: Tensor, new: Tensor) -> Tensor:
        """Return what a layer adds with new activations minus what it adds with its own, `row pos d_model`."""

    def replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """Return the new activations for a node's layer, `row pos …`."""


class EdgeCircuitRun:
    """The run of one circuit.

    Args:
        engine: the engine whose hooks are used.
        circuit: the circuit.
    """

    def __init__(self, engine: HookedEngine, circuit: EdgeCircuit) -> None:
        self.engine = engine
        self.circuit = circuit
        self.incoming = circuit.incoming
        self.shape = engine.loaded_model.shape
        # (layer, kind) → z of all heads or what the MLP adds, in this circuit's own run and ablated, `row pos …`.
        self.own: dict[tuple[int, Kind], Tensor] = {}
        self.ablated: dict[tuple[int, Kind], Tensor] = {}

    def logits(self) -> Tensor:
        """Return the logits at END, `row d_vocab`."""
        for layer in range(self.shape.n_layers):
            self._heads(layer)
            if self.shape.has_mlps:
                self._mlp(layer)
        last = self.shape.n_layers - 1
        final = self._stream(LOGITS, Node(last, "resid_post"))
        return self.engine.logits_with("clean", [HookSite(Node(last, "resid_post").hook, _replace_by(final))], last)

    def _heads(self, layer: int) -> None:
        """Compute what a layer's heads write when each of their inputs sees its own stream."""
        layer_readers = [reader for reader in readers(self.shape, mlps=False) if reader.layer == layer]
        readers_by_senders: defaultdict[frozenset[Node], list[Node]] = defaultdict(list)
        for reader in layer_readers:
            readers_by_senders[self.incoming.get(reader, frozenset())].append(reader)
        stream_node, hooks = Node(layer, "resid_pre"), [Node(layer, part, 0).hook for part in ("q", "k", "v")]
        inputs: dict[str, Tensor] = {}
        for same_senders in readers_by_senders.values():
            stream = self._stream(same_senders[0], stream_node)
            sites = [HookSite(stream_node.hook, _replace_by(stream))]
            for hook, seen in zip(hooks, self.engine.activations_with("clean", sites, hooks, layer), strict=True):
                own = [reader for reader in same_senders if reader.hook == hook]
                inputs[hook] = torch.where(node_mask(own, seen), seen, inputs.get(hook, torch.zeros_like(seen)))
        sites = [HookSite(hook, _replace_by(new)) for hook, new in inputs.items()]
        (z,) = self.engine.activations_with("clean", sites, [Node(layer, "head", 0).hook], layer)
        self._store(Node(layer, "head", 0), z)

    def _mlp(self, layer: int) -> None:
        """Compute what a layer's MLP writes."""
        node, stream_node = Node(layer, "mlp"), Node(layer, "resid_mid")  # the hook is the input of the MLP's norm
        stream = self._stream(node, stream_node)
        sites = [HookSite(stream_node.hook, _replace_by(stream))]
        (written,) = self.engine.activations_with("clean", sites, [node.hook], layer)
        self._store(node, written)

    def _stream(self, reader: Node, stream_node: Node) -> Tensor:
        """Return the residual stream that a reader sees, `row pos d_model`."""
        reads_whole_stream = reader.kind == "mlp" and not self.circuit.mlps
        incoming = self.incoming.get(reader, frozenset())
        seen: dict[tuple[int, Kind], Tensor] = {}
        for sender in senders(self.shape, mlps=True):
            if reaches(sender, reader):
                layer_of = sender.layer, sender.kind
                outside_circuit = sender.kind == "mlp" and not self.circuit.mlps
                in_circuit_run = reads_whole_stream or outside_circuit or sender in incoming
                source = (self.own if in_circuit_run else self.ablated)[layer_of]
                seen[layer_of] = torch.where(node_mask([sender], source), source, seen.get(layer_of, source))
        stream = self.engine.activation("clean", stream_node)
        for (layer, kind), inner in seen.items():
            node = Node(layer, kind)
            stream = stream + self.engine.added_change(node, self.engine.activation("clean", node), inner)
        return stream

    def _store(self, node: Node, own: Tensor) -> None:
        self.own[node.layer, node.kind] = own
        self.ablated[node.layer, node.kind] = self.engine.replacement(ablate(node, kind=self.circuit.value), node)


def _replace_by(new: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a change that replaces any activation by a given one."""
    return lambda _: new
