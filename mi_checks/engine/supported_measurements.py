"""Supported measurements: those that a model does not support are refused by name, with the reason."""

from __future__ import annotations

from itertools import pairwise, product

from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch


class SupportedMeasurements:
    """The measurements that a model supports: it has the nodes, and the guards that they rely on did not fail.

    Attributes:
        loaded_model: the model.
        batch: its prompts.
        parallel: whether the attention and the MLP of a layer read the same residual stream.
    """

    def __init__(self, loaded_model: LoadedModel, batch: PromptBatch, *, parallel: bool) -> None:
        """Store the model and its prompts."""
        self.loaded_model = loaded_model
        self.batch = batch
        self.parallel = parallel

    def require_interventions(self, interventions: list[Intervention]) -> None:
        """Raise if an intervention is undefined for this model.

        Args:
            interventions: the interventions.

        Raises:
            MiChecksError: a guard that an intervention relies on failed on this model; or the layers are parallel, and
                an intervention acts on the residual stream between a layer's attention and MLP, or on the path from one
                to the other; or clean and corrupt prompts correspond only at their labels, and an intervention patches
                without a label.
        """
        for intervention in interventions:
            self._require_guarded(intervention)
            self._require_labels(intervention)
            if self.parallel:
                self._require_serial(intervention)

    def _require_guarded(self, intervention: Intervention) -> None:
        if intervention.hops:
            self.require_guards("paths", "paths cannot be measured")
        for node in (*intervention.nodes, *(receiver for hop in intervention.hops for receiver in hop)):
            self.require_neurons(node, f"{node} cannot be patched")
            self.require_guards(node.kind, f"{node} cannot be patched")

    def require_neurons(self, node: Node, refusal: str) -> None:
        """Raise if a node is a neuron and this model's neurons cannot be named.

        Args:
            node: any node.
            refusal: the start of the message: what is refused.

        Raises:
            MiChecksError: the node is a neuron that cannot be named.
        """
        if node.kind == "neuron" and self.loaded_model.shape.no_neurons:
            raise MiChecksError(
                f"{self.loaded_model.name}: {refusal} on this model: {self.loaded_model.shape.no_neurons}"
            )

    def require_guards(self, requirement: str, refusal: str) -> None:
        """Raise if a guard that a measurement relies on failed on this model.

        Args:
            requirement: a kind of node, `paths`, `attribution` or `attention`.
            refusal: the start of the message: what is refused.

        Raises:
            MiChecksError: such a guard failed.
        """
        reason = self.loaded_model.guards.refusal(requirement)
        if reason is not None:
            raise MiChecksError(f"{self.loaded_model.name}: {refusal} on this model: {reason}")

    def _require_labels(self, intervention: Intervention) -> None:
        if not self.batch.by_labels or intervention.value not in ("clean", "corrupt"):
            return
        if not isinstance(intervention.at, str):
            where = "all positions" if intervention.at is None else f"position {intervention.at}"
            raise MiChecksError(
                f"{self.loaded_model.name}: {where} cannot be patched, because clean and corrupt prompts are aligned "
                "only at their labels (align: labels); name a label with 'at'"
            )
        if any(node.kind == "pattern" for node in intervention.nodes):
            raise MiChecksError(
                f"{self.loaded_model.name}: the attention pattern of {intervention.nodes[0]} cannot be patched, "
                "because it covers all positions, and clean and corrupt prompts are aligned only at their labels "
                "(align: labels); patch its z, q, k or v"
            )

    def _require_serial(self, intervention: Intervention) -> None:
        why = "because the attention and MLP of a layer read the same residual stream"
        for node in intervention.nodes:
            if node.kind == "resid_mid":
                raise MiChecksError(f"{self.loaded_model.name}: this model has no {node}, {why}")
        if intervention.hops:
            for before, hop in pairwise((intervention.nodes, *intervention.hops)):
                for sender, receiver in product(before, hop):
                    if receiver.kind == "mlp" and receiver.layer == sender.layer:
                        raise MiChecksError(
                            f"{self.loaded_model.name}: this model has no path from {sender} to {receiver}, {why}"
                        )

    def require_edges(self) -> None:
        """Raise if edges cannot be measured in this model.

        Raises:
            MiChecksError: a guard that edges rely on failed on this model, or its layers are parallel.
        """
        for what in ("paths", "head", "q", "k", "v"):
            self.require_guards(what, "edges cannot be measured")
        if self.parallel:
            raise MiChecksError(
                f"{self.loaded_model.name}: edges cannot be measured in this model, because the attention and MLP of "
                "a layer read the same residual stream; make a claim about nodes or paths instead"
            )
