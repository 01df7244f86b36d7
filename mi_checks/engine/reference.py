"""The reference engine: one hooked TransformerLens forward per intervention. Slow, plain, the oracle of the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.base import Floats
from mi_checks.engine.edge_circuits import EdgeCircuit
from mi_checks.engine.edge_reference import EdgeReference
from mi_checks.engine.engine import Engine, Progress, no_progress
from mi_checks.engine.frozen import frozen, gradient
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.layout import Padding
from mi_checks.engine.nodes import HOOKS, Kind, Node
from mi_checks.engine.readout import ScoreFunction
from mi_checks.engine.site import Hook, Site, chosen
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch


class ReferenceEngine(Engine):
    """Every intervention through TransformerLens' own hooks, on any model it can bridge."""

    name = "reference"

    def __init__(
        self,
        subject: Subject,
        batch: PromptBatch,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
    ) -> None:
        super().__init__(subject, batch, progress, padding=padding, score=score)
        self._activations: dict[tuple[Side, str], dict[int, Tensor]] = {}  # side, hook → layer → activation

    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """One forward for each; see `Engine.measure`."""
        self.admit(interventions)
        out = np.empty((len(interventions), len(self.batch)))
        for i in self.progress(range(len(interventions)), len(interventions), title):
            out[i] = self.finite(self.difference(self._patched_logits(interventions[i])), f"under {title}")
        return out

    def measure_edges(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """Some forwards for each layer of each; see `Engine.measure_edges`."""
        self.admit_edges()
        out = np.empty((len(circuits), len(self.batch)))
        for i in self.progress(range(len(circuits)), len(circuits), title):
            out[i] = self.finite(self.difference(EdgeReference(self, circuits[i]).logits()), f"under {title}")
        return out

    def pattern(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `row destination source`."""
        return self._cached("clean", HOOKS["pattern"], head.layer)[:, head.index]

    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `row pos …`."""
        found = self._cached(side, HOOKS[node.kind], node.layer)
        return found.transpose(1, 2) if node.kind == "pattern" else found

    def base_logits(self, side: Side) -> Tensor:
        """Logits at END without intervention, `row d_vocab`, float32."""
        return self._logits_at_end(side, [])

    def direction(self) -> Tensor:
        """By autograd through the bridge's final norm and unembedding; see `Engine.direction`."""
        bridge, layer = self.subject.bridge, self.subject.shape.n_layers - 1
        whole = self.activation("clean", Node(layer, "resid_post"))[self.rows, self.end][:, None]

        def score(part: Tensor) -> Tensor:
            logits: Tensor = bridge.unembed(frozen(bridge.ln_final, whole, part))
            return self.difference(logits[:, 0].float())

        return gradient(score, torch.zeros_like(whole))[:, 0].float()

    def onto(self, node: Node, direction: Tensor) -> Tensor:
        """By autograd through the output matrix; see `Engine.onto`."""
        own = self.activation("clean", node)[self.rows, self.end][:, None]

        def read(own: Tensor) -> Tensor:
            written: Tensor = self.output(node).original_component(own.flatten(2))
            return (written[:, 0].float() * direction).sum(-1)

        return gradient(read, torch.zeros_like(own))[:, 0].float()

    def writes(self, node: Node, own: Tensor) -> Tensor:
        """Through the output matrix; see `Engine.writes`."""
        if node.index is None:
            return own
        own = own[:, None]
        return self.written(node, torch.where(chosen([node], own), own, 0))[:, 0]

    def taken(self, receiver: Node, whole: Tensor, part: Tensor) -> Tensor:
        """Through the bridge's norm and projection; see `Engine.taken`."""
        block, nothing = self.subject.bridge.blocks[receiver.layer], torch.zeros_like(part)
        project = getattr(block.attn, receiver.kind)
        one, none = (project(frozen(block.ln1, whole[:, None], x[:, None])) for x in (part, nothing))
        d_head = self.activation("clean", receiver).shape[-1]
        by_head: Tensor = (one - none).flatten(1).unflatten(-1, (-1, d_head))
        return by_head[:, receiver.index]

    def _cached(self, side: Side, hook: str, layer: int) -> Tensor:
        """What passes a hook point of every layer in one run, fetched for all layers at once; `hook` has a `{}`."""
        key = (side, hook)
        if key not in self._activations:
            wanted = {hook.format(i): i for i in range(self.subject.shape.n_layers)}
            with torch.no_grad():
                _, cache = self.subject.bridge.run_with_cache(
                    self.layouts[side].tokens, names_filter=lambda name: name in wanted, **self.padding_arguments(side)
                )
            missing = sorted(wanted.keys() - cache.keys())
            if missing:
                raise MiChecksError(f"{self.subject.name}: TransformerLens has no hook {missing[0]} in this model")
            self._activations[key] = {i: cache[name] for name, i in wanted.items()}
        return self._activations[key][layer]

    def _patched_logits(self, intervention: Intervention) -> Tensor:
        first = min((node.layer for node in intervention.nodes), default=0)
        if intervention.hops:
            sites = self._along(intervention)
        else:
            by_place: dict[tuple[int, Kind], list[Node]] = {}
            for node in intervention.nodes:
                by_place.setdefault((node.layer, node.kind), []).append(node)
            sites = [self._replacing(intervention, nodes) for nodes in by_place.values()]
        return self.run_with(intervention.run, sites, first)

    def run_with(self, side: Side, sites: list[Site], first: int = 0) -> Tensor:
        """Logits at END of a run with all sites in; layers before `first` are as they are.

        Raises:
            MiChecksError: a hook never ran: an intervention that was never installed would read as "no effect".
        """
        fired: set[str] = set()
        hooks: list[Hook] = []
        for site in sites:
            hooks += site.hooks(fired)
        logits = self._logits_at_end(side, hooks, first)
        unfired = {site.name for site in sites} - fired
        if unfired:
            raise MiChecksError(
                f"{self.subject.name}: hook {sorted(unfired)[0]} never ran, so nothing was intervened on"
            )
        return logits

    def _replacing(self, intervention: Intervention, nodes: list[Node]) -> Site:
        """Nodes of one layer and kind get their replacements."""
        mask, new, kind = (
            self.mask(intervention.run, intervention.at),
            self.replacement(intervention, nodes[0]),
            nodes[0].kind,
        )

        def change(activation: Tensor) -> Tensor:
            where = mask.view(*mask.shape, *[1] * (activation.dim() - 2))
            return torch.where(where & chosen(nodes, activation), new, activation)

        return Site(nodes[0].hook, change, kind)

    def _along(self, intervention: Intervention) -> list[Site]:
        """What is changed in a run where the end of a path sees what arrives along it."""
        sent = self._sent(intervention)
        *inner, last = intervention.hops
        for hop in inner:
            sent = self._passed_on(intervention, hop, sent)
        return self._seeing(intervention.run, last, sent)

    def _passed_on(self, intervention: Intervention, hop: tuple[Node, ...], sent: Tensor) -> Tensor:
        """What heads and MLPs of an inner hop write differently, none of them seeing another's, `row pos d_model`."""
        by_writer: dict[tuple[int, Kind], list[Node]] = {}
        for receiver in hop:
            by_writer.setdefault((receiver.layer, "mlp" if receiver.kind == "mlp" else "head"), []).append(receiver)
        total = torch.zeros(())
        for (layer, kind), receivers in by_writer.items():
            sites = self._seeing(intervention.run, tuple(receivers), sent)
            writer = Node(layer, kind)
            (new,) = self.kept(intervention.run, sites, [writer.hook], layer)
            total = total + self.written(writer, new - self.activation(intervention.run, writer))
        return total

    def kept(self, side: Side, sites: list[Site], hooks: list[str], first: int = 0) -> list[Tensor]:
        """What passes some hooks in a run with all sites in, each `row pos …`."""
        found: dict[str, Tensor] = {}

        def keeping(hook: str) -> Site:
            def keep(activation: Tensor) -> Tensor:
                found[hook] = activation.clone()
                return activation

            return Site(hook, keep)

        self.run_with(side, [*sites, *map(keeping, hooks)], first)
        return [found[hook] for hook in hooks]

    def _seeing(self, side: Side, receivers: tuple[Node, ...], sent: Tensor) -> list[Site]:
        """The inputs at the end of a path see, beside what the run makes them see, what was sent.

        What a head's query, key or value becomes is read off a run in which its whole layer sees the difference; so is
        what a parallel layer's MLP is given. Receivers of earlier layers are at work in that run.
        """
        sites: list[Site] = []
        first = min((r.layer for r in receivers if r.kind != "logits"), default=0)
        for receiver in sorted(receivers, key=_depth):
            if receiver.kind == "logits":
                sites.append(
                    Site(f"blocks.{self.subject.shape.n_layers - 1}.hook_resid_post", lambda resid: resid + sent)
                )
                continue
            if receiver.kind == "mlp" and not self.parallel:
                # the input of the second norm, which the stream around the MLP does not pass
                sites.append(Site(HOOKS["resid_mid"].format(receiver.layer), lambda resid: resid + sent))
                continue
            place = f"blocks.{receiver.layer}.mlp.hook_in" if receiver.kind == "mlp" else receiver.hook
            before = Site(HOOKS["resid_pre"].format(receiver.layer), lambda resid: resid + sent)
            earlier = [site for site in sites if site.layer < receiver.layer]
            (seen,) = self.kept(side, [*earlier, before], [place], first)

            def see(own: Tensor, receiver: Node = receiver, seen: Tensor = seen) -> Tensor:
                return torch.where(chosen([receiver], own), seen, own)

            sites.append(Site(place, see))
        return sites

    def _sent(self, intervention: Intervention) -> Tensor:
        """What the senders write differently, `row pos d_model`."""
        mask, total = self.mask(intervention.run, intervention.at)[..., None], torch.zeros(())
        for node in intervention.nodes:
            new, own = self.replacement(intervention, node), self.activation(intervention.run, node)
            written = self.written(node, torch.where(chosen([node], own), new - own, 0))
            total = total + torch.where(mask, written, 0)
        return total

    def written(self, node: Node, change: Tensor) -> Tensor:
        """What a change of all z, of all neurons or of a layer's output writes differently, `row pos d_model`."""
        if node.kind in ("attn", "mlp"):
            return change
        out, change = self.output(node), change.flatten(2)
        with torch.no_grad():
            written: Tensor = out.original_component(change) - out.original_component(torch.zeros_like(change))
        return written

    def output(self, node: Node) -> Any:
        """The bridge's component that heads' z or neurons of a layer are multiplied with."""
        block = self.subject.bridge.blocks[node.layer]
        return block.attn.o if node.kind == "head" else block.mlp.out

    def _logits_at_end(self, side: Side, hooks: list[Hook], first: int = 0) -> Tensor:
        """Logits at END, `row d_vocab`, float32; other positions are spared the unembedding.

        Layers before `first`, which no hook touches, are not run again where the model is TransformerLens' own: its
        blocks need nothing but the residual stream.
        """

        def only_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
            return resid[self.rows, self.end][:, None]

        bridge = self.subject.bridge
        skips = (
            first > 0
            and self.padding == "right"
            and bridge.cfg.architecture == "TransformerLensNative"
            and bridge.cfg.output_logits_soft_cap <= 0
        )
        # Fetched before the hooks are in: what they change must not get into what is kept.
        resid = self.activation(side, Node(first, "resid_pre")) if skips else None
        with torch.no_grad(), bridge.hooks(fwd_hooks=[*hooks, ("unembed.hook_in", only_end)]):
            if resid is not None:
                for block in bridge.blocks[first:]:
                    (resid,) = block(resid)
                logits: Tensor = bridge.unembed(bridge.ln_final(resid))
            else:
                logits = bridge(self.layouts[side].tokens, **self.padding_arguments(side))
        return logits[:, 0].float()


def _depth(receiver: Node) -> tuple[bool, int, bool]:
    """Receivers in the order in which the model comes to them."""
    return receiver.kind == "logits", receiver.layer, receiver.kind == "mlp"
