"""The reference engine: one hooked TransformerLens forward pass per intervention, an oracle for the replay engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import EdgeCircuit, Intervention, Side
from mi_checks.engine.nodes import HOOK_NAMES, Kind, Node
from mi_checks.engine.prompt_layout import Padding
from mi_checks.engine.readout import ScoreFunction
from mi_checks.engine.reference.edges_by_hooks import EdgeCircuitRun
from mi_checks.engine.reference.hook_sites import BridgeHook, HookSite, node_mask
from mi_checks.engine.residual_stream import (
    Norm,
    Sublayer,
    SublayerKind,
    Unembedding,
    read_norm,
    read_sublayer,
    read_unembedding,
)
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.stats.floor import Floats


class _HooksReached(Exception):
    """An exception that ends a run early."""


class ReferenceEngine(Engine):
    """An engine that makes every intervention through TransformerLens' own hooks, on any model that has a bridge."""

    name = "reference"

    def __init__(
        self,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
    ) -> None:
        super().__init__(loaded_model, batch, progress, padding=padding, score=score)
        self._activations: dict[tuple[Side, str], dict[int, Tensor]] = {}  # side, hook → layer → activation
        self._sublayers: dict[tuple[int, SublayerKind], Sublayer] = {}
        self._norms: dict[int, Norm | None] = {}
        self._unpatched_logits: dict[Side, Tensor] = {}

    def scores(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """Run one forward pass for each intervention; see `Engine.scores`."""
        self.supported.require_interventions(interventions)
        out = np.empty((len(interventions), len(self.batch)))
        for i in self.progress(range(len(interventions)), len(interventions), title):
            scores = self.score_logits(self._patched_logits(interventions[i]))
            out[i] = self.require_finite(scores, f"logits at {END} under {title}")
        return out

    def edge_scores(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """Run some forward passes for each layer of each circuit; see `Engine.edge_scores`."""
        self.supported.require_edges()
        out = np.empty((len(circuits), len(self.batch)))
        for i in self.progress(range(len(circuits)), len(circuits), title):
            scores = self.score_logits(EdgeCircuitRun(self, circuits[i]).logits())
            out[i] = self.require_finite(scores, f"logits at {END} under {title}")
        return out

    def padded_pattern(self, head: Node, rows: Tensor) -> Tensor:
        """Return a head's attention pattern in some rows of the clean run, `row destination source`."""
        return self._stored_activation("clean", "pattern", head.layer)[rows, head.index]

    def activation(self, side: Side, node: Node) -> Tensor:
        """Return the activations of the whole layer of a node in the clean or corrupted run, `row pos …`."""
        stored = self._stored_activation(side, node.kind, node.layer)
        return stored.transpose(1, 2) if node.kind == "pattern" else stored

    def unpatched_logits(self, side: Side) -> Tensor:
        """Return the logits at END without intervention, `row d_vocab`, float32."""
        return self._unpatched_logits[side] if side in self._unpatched_logits else self._logits_at_end(side, [])

    def score_direction(self) -> Tensor:
        """Return the direction by autograd, with the final norm frozen; see `Engine.score_direction`."""
        layer = self.loaded_model.shape.n_layers - 1
        whole = self.activation("clean", Node(layer, "resid_post"))[self.rows, self.end]
        unembedding = self.unembedding

        def score(normed: Tensor) -> Tensor:
            return self.score_logits(unembedding.logits_of_normed(normed))

        return unembedding.adjoint(whole, gradient(score, torch.zeros_like(whole)).float())

    def activation_direction(self, node: Node, direction: Tensor) -> Tensor:
        """Return the direction by autograd through the output matrix; see `Engine.activation_direction`."""
        whole = self.activation("clean", node)[self.rows, self.end]
        return self.sublayer(node).adjoint(whole.flatten(1), direction).view_as(whole)

    def stream_output(self, node: Node, own: Tensor) -> Tensor:
        """Return what the node writes, through the output matrix; see `Engine.stream_output`."""
        if node.index is None:
            return own
        part = torch.where(node_mask([node], own[:, None]), own[:, None], 0)[:, 0]
        return self.sublayer(node).linear_part(own.flatten(1), part.flatten(1))

    def receiver_input(self, receiver: Node, whole: Tensor, part: Tensor) -> Tensor:
        """Return what the receiver reads, through the norm and the bridge's projection; see `Engine.receiver_input`."""
        block = self.loaded_model.bridge.blocks[receiver.layer]
        norm, project = self.norm_before(receiver.layer), getattr(block.attn, receiver.kind)
        seen = part if norm is None else norm.linear_part(whole, part).to(part.dtype)
        projected, bias_alone = (project(x[:, None]) for x in (seen, torch.zeros_like(seen)))
        d_head = self.activation("clean", receiver).shape[-1]
        by_head: Tensor = (projected - bias_alone).flatten(1).unflatten(-1, (-1, d_head))
        return by_head[:, receiver.index]

    @cached_property
    def unembedding(self) -> Unembedding:
        """Return the function from the final stream to the logits."""
        return read_unembedding(self.loaded_model.bridge)

    def sublayer(self, node: Node) -> Sublayer:
        """Return how the heads or the neurons of a node's layer add to the residual stream.

        Raises:
            MiChecksError: they do not add through a single projection.
        """
        kind: SublayerKind = "attn" if node.kind == "head" else "mlp"
        if (node.layer, kind) not in self._sublayers:
            own_sublayer = read_sublayer(self.loaded_model.bridge, node.layer, kind)
            if own_sublayer is None:
                raise MiChecksError(
                    f"{self.loaded_model.name}: what {node} adds to the residual stream is unknown, because "
                    "TransformerLens has no single output projection for its layer in this model; make the claim about "
                    "the whole layer"
                )
            self._sublayers[node.layer, kind] = own_sublayer
        return self._sublayers[node.layer, kind]

    def norm_before(self, layer: int) -> Norm | None:
        """Return the norm between the residual stream and the queries, keys and values of a layer."""
        if layer not in self._norms:
            block: Any = self.loaded_model.bridge.blocks[layer]
            self._norms[layer] = read_norm(getattr(block, "ln1", None), self.loaded_model.bridge.cfg.d_model)
        return self._norms[layer]

    def fetch(self, sides: Sequence[Side], kinds: Iterable[Kind], *, keep_logits: bool = False) -> Tensor:
        """Run some sides as one batch and store the activations at some kinds' hooks in every layer.

        Args:
            sides: the runs.
            kinds: the kinds of nodes; hooks that never run are left out.
            keep_logits: whether `unpatched_logits` should return these runs' logits from now on.

        Returns:
            The logits at all positions, `row pos d_vocab`, the rows of one side after those of the other.
        """
        layers = range(self.loaded_model.shape.n_layers)
        hooks = {HOOK_NAMES[kind].format(layer): (HOOK_NAMES[kind], layer) for kind in kinds for layer in layers}
        arguments_by_side = [self.padding_arguments(side) for side in sides]
        all_arguments = {
            name: torch.cat([arguments[name] for arguments in arguments_by_side]) for name in arguments_by_side[0]
        }
        tokens = torch.cat([self.layouts[side].tokens for side in sides])
        with torch.no_grad():
            logits: Tensor
            logits, cache = self.loaded_model.bridge.run_with_cache(
                tokens, names_filter=lambda name: name in hooks, **all_arguments
            )
        for number, side in enumerate(sides):
            rows = slice(number * len(self.rows), (number + 1) * len(self.rows))
            if keep_logits:
                self._unpatched_logits[side] = logits[rows][self.rows, self.end].float()
            for name, (hook, layer) in hooks.items():
                by_layer = self._activations.setdefault((side, hook), {})
                if name in cache:
                    by_layer[layer] = cache[name][rows]
        return logits

    def _stored_activation(self, side: Side, kind: Kind, layer: int) -> Tensor:
        """Return the activation at a kind's hook in one run; the first request fetches all layers."""
        hook = HOOK_NAMES[kind]
        if (side, hook) not in self._activations:
            self.fetch([side], [kind])
        activation = self._activations[side, hook].get(layer)
        if activation is None:
            raise MiChecksError(
                f"{self.loaded_model.name}: TransformerLens has no hook {hook.format(layer)} in this model"
            )
        return activation

    def _patched_logits(self, intervention: Intervention) -> Tensor:
        first = min((node.layer for node in intervention.nodes), default=0)
        if intervention.hops:
            sites = self._path_sites(intervention)
        else:
            by_place: dict[tuple[int, Kind], list[Node]] = {}
            for node in intervention.nodes:
                by_place.setdefault((node.layer, node.kind), []).append(node)
            sites = [self.replacement_site(intervention, nodes) for nodes in by_place.values()]
            sites.sort(key=lambda site: site.kind == "resid_mid")  # it sees the edited stream before the layer
        return self.logits_with(intervention.run, sites, first)

    def logits_with(self, side: Side, sites: list[HookSite], first: int = 0) -> Tensor:
        """Return the logits at END of a run with all sites installed, `row d_vocab`; `first` is their first layer.

        Raises:
            MiChecksError: a hook never ran. Otherwise a missing intervention would look like an effect of zero.
        """
        fired: set[str] = set()
        hooks: list[BridgeHook] = []
        for site in sites:
            hooks += site.hooks(fired)
        logits = self._logits_at_end(side, hooks, first)
        unfired = {site.name for site in sites} - fired
        if unfired:
            raise MiChecksError(
                f"{self.loaded_model.name}: hook {sorted(unfired)[0]} never ran, so the intervention was not made"
            )
        return logits

    def replacement_site(self, intervention: Intervention, nodes: list[Node]) -> HookSite:
        """Return the site that gives nodes of one layer and kind their new activations."""
        mask, new = self.mask(intervention.run, intervention.at), self.replacement(intervention, nodes[0])

        def change(activation: Tensor) -> Tensor:
            where = mask.view(*mask.shape, *[1] * (activation.dim() - 2))
            return torch.where(where & node_mask(nodes, activation), new, activation)

        return HookSite(nodes[0].hook, change, nodes[0].kind)

    def _path_sites(self, intervention: Intervention) -> list[HookSite]:
        """Return the sites at which the last receivers of a path see the change that arrives along it."""
        sent_change = self.sent_change(intervention)
        *inner, last = intervention.hops
        for hop in inner:
            sent_change = self._forwarded_change(intervention, hop, sent_change)
        return self.receiver_sites(intervention.run, last, sent_change)

    def _forwarded_change(self, intervention: Intervention, hop: tuple[Node, ...], sent_change: Tensor) -> Tensor:
        """Return the change in what an inner hop's writers add, `row pos d_model`; each sees only `sent_change`."""
        by_writer: dict[tuple[int, Kind], list[Node]] = {}
        for receiver in hop:
            by_writer.setdefault((receiver.layer, "mlp" if receiver.kind == "mlp" else "head"), []).append(receiver)
        total = torch.zeros(())
        for (layer, kind), receivers in by_writer.items():
            sites = self.receiver_sites(intervention.run, tuple(receivers), sent_change)
            writer = Node(layer, kind)
            (new,) = self.activations_with(intervention.run, sites, [writer.hook], layer)
            total = total + self.added_change(writer, self.activation(intervention.run, writer), new)
        return total

    def activations_with(self, side: Side, sites: list[HookSite], hooks: list[str], first: int = 0) -> list[Tensor]:
        """Return the activations at some hooks in a run with all sites installed, each `row pos …`.

        The run ends when all these hooks have run.

        Raises:
            MiChecksError: one of the hooks never ran.
        """
        activations: dict[str, Tensor] = {}

        def recording_site(hook: str) -> HookSite:
            def record(activation: Tensor) -> Tensor:
                activations[hook] = activation.clone()
                if len(activations) == len(set(hooks)):
                    raise _HooksReached
                return activation

            return HookSite(hook, record)

        with suppress(_HooksReached):
            self.logits_with(side, [*sites, *map(recording_site, hooks)], first)
        return [activations[hook] for hook in hooks]

    def receiver_sites(self, side: Side, receivers: tuple[Node, ...], sent_change: Tensor) -> list[HookSite]:
        """Return the sites at which the last receivers of a path see a change in addition to their run's stream.

        The new value of a head's query, key or value is read off a run in which its whole layer sees the change; so is
        the input of a parallel layer's MLP. In that run, the sites of receivers in earlier layers are installed.

        Args:
            side: the run.
            receivers: the receivers of the last hop.
            sent_change: the change, `row pos d_model`.
        """
        sites: list[HookSite] = []
        last = self.loaded_model.shape.n_layers - 1
        first = min((r.layer for r in receivers if r.kind != "logits"), default=0)
        for layer in sorted({r.layer for r in receivers if r.kind != "logits"}):
            receivers_by_hook: dict[str, list[Node]] = {}
            after_attention = False
            for receiver in receivers:
                if receiver.layer != layer or receiver.kind == "logits":
                    continue
                if receiver.kind == "mlp" and not self.parallel:
                    after_attention = True
                    continue
                hook_name = f"blocks.{layer}.mlp.hook_in" if receiver.kind == "mlp" else receiver.hook
                receivers_by_hook.setdefault(hook_name, []).append(receiver)
            if receivers_by_hook:
                before = HookSite(HOOK_NAMES["resid_pre"].format(layer), lambda resid: resid + sent_change)
                seen = self.activations_with(side, [*sites, before], list(receivers_by_hook), first)
                sites += [
                    _receiver_site(hook_receivers, hook_name, new)
                    for (hook_name, hook_receivers), new in zip(receivers_by_hook.items(), seen, strict=True)
                ]
            if after_attention:  # the input of the second norm, without the stream around the MLP
                sites.append(HookSite(HOOK_NAMES["resid_mid"].format(layer), lambda resid: resid + sent_change))
        if any(receiver.kind == "logits" for receiver in receivers):
            sites.append(HookSite(HOOK_NAMES["resid_post"].format(last), lambda resid: resid + sent_change))
        return sites

    def sent_change(self, intervention: Intervention) -> Tensor:
        """Return the change in what the senders add, `row pos d_model`; senders of one layer pass its norm together."""
        mask, total = self.mask(intervention.run, intervention.at), torch.zeros(())
        by_place: dict[tuple[int, Kind], list[Node]] = {}
        for node in intervention.nodes:
            by_place.setdefault((node.layer, node.kind), []).append(node)
        for nodes in by_place.values():
            own = self.activation(intervention.run, nodes[0])
            where = mask.view(*mask.shape, *[1] * (own.dim() - 2)) & node_mask(nodes, own)
            new = torch.where(where, self.replacement(intervention, nodes[0]), own)
            total = total + self.added_change(nodes[0], own, new)
        return total

    def added_change(self, node: Node, own: Tensor, new: Tensor) -> Tensor:
        """Return what a node's layer adds with new activations minus what it adds with its own, `row pos d_model`.

        The activations are z of all heads, all neurons, or what the layer adds as a whole.
        """
        if node.kind in ("attn", "mlp"):
            return new - own
        adding = self.sublayer(node)
        if adding.norm is not None:
            return adding.stream_change(new.flatten(2)) - adding.stream_change(own.flatten(2))
        change = (new - own).flatten(2)  # exactly zero where nothing changes
        return adding.linear_part(change, change)

    def _logits_at_end(self, side: Side, hooks: list[BridgeHook], first: int = 0) -> Tensor:
        """Return the logits at END, `row d_vocab`, float32; other positions are not unembedded.

        In TransformerLens' own models, whose blocks need only the residual stream, layers before `first` are not run
        again, since no hook is in them.
        """

        def select_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
            return resid[self.rows, self.end][:, None]

        bridge = self.loaded_model.bridge
        skips = (
            first > 0
            and self.padding == "right"
            and bridge.cfg.architecture == "TransformerLensNative"
            and bridge.cfg.output_logits_soft_cap <= 0
        )
        # Fetched before the hooks are installed, so that their changes do not get into the stored activations.
        resid = self.activation(side, Node(first, "resid_pre")) if skips else None
        with torch.no_grad(), bridge.hooks(fwd_hooks=[*hooks, ("unembed.hook_in", select_end)]):
            if resid is not None:
                for block in bridge.blocks[first:]:
                    (resid,) = block(resid)
                logits: Tensor = bridge.unembed(bridge.ln_final(resid))
            else:
                logits = bridge(self.layouts[side].tokens, **self.padding_arguments(side))
        return logits[:, 0].float()


def _receiver_site(receivers: list[Node], hook_name: str, seen: Tensor) -> HookSite:
    """Return a site that gives the receivers at a hook their values from a run in which they saw a change."""
    return HookSite(hook_name, lambda own: torch.where(node_mask(receivers, own), seen, own))


def gradient(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Return the gradient of the sum of a function's values at a point."""
    with torch.enable_grad():
        leaf = at.detach().requires_grad_()
        (result,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return result
