"""Direct logit attribution: what nodes write into the logit difference, without passing through later nodes.

The final stream is a sum of what each node wrote, and if the final norm's scale is frozen at its value in the clean run
the logits are linear in it (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). The embedding
(`L0.resid_pre`), all attention layers and all MLPs add up to the clean logit difference without the contribution of
the biases of the final norm and of the unembedding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.engine.clean_run_quantities import AttentionPattern
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Kind, Node
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.scoring import FIRST_DIFFERENCE, FIRST_TOKEN
from mi_checks.stats.floor import Floats

# Kinds of nodes whose activation is in the residual stream.
STREAM_KINDS = ("attn", "mlp", "resid_pre", "resid_mid", "resid_post")


@dataclass(frozen=True)
class DirectEffects(Quantity):
    """The direct logit attribution of several nodes in the clean run, `node prompt`.

    The final norm's scale is frozen at its value in the clean run. Nodes are heads, neurons, whole layers, or the
    residual stream at some layer; `L0.resid_pre` is the embedding.
    """

    by_row = True
    signed = True

    nodes: tuple[Node, ...]

    def names(self) -> tuple[str, ...]:
        """Return the names of the nodes."""
        return tuple(json.dumps(["direct", str(node)]) for node in self.nodes)

    def select_rows(self, rows: Sequence[int]) -> DirectEffects:
        """Return the quantity with only these nodes."""
        return replace(self, nodes=tuple(self.nodes[row] for row in rows))

    def compute(self, engine: Engine) -> Floats:
        """Return the products of what each node writes with the direction of the score, `node prompt`.

        Raises:
            MiChecksError: the score is not linear in the logits, or the model caps its logits.
            ValueError: a node writes nothing.
        """
        return direct_effects(engine, self.nodes)


@dataclass(frozen=True)
class DirectEffectsBySource(Quantity):
    """A head's direct logit attribution in one clean prompt, split by the source token it attends to, `source`.

    The parts add up to the head's `DirectEffects` in that prompt.

    What a head writes at END is Σ attention(source) · value(source) · W_O, which is linear in each source's value if
    the attention is taken as given (the OV circuit of Elhage et al. 2021).
    """

    signed = True

    head: Node
    prompt: int

    def names(self) -> tuple[str, ...]:
        """Return the name of the head and of the prompt."""
        return (json.dumps(["sources", str(self.head), self.prompt]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the product of each source's attention, its value and the direction of the score, `source`.

        Raises:
            MiChecksError: the score is not linear in the logits, or the model caps its logits.
        """
        return _effects_by_source(engine, self.head, self.prompt)


def direct_effects(engine: Engine, nodes: Sequence[Node]) -> Floats:
    """Return the `DirectEffects` of nodes, `node prompt`."""
    _require_measurable(engine, nodes)
    out = np.empty((len(nodes), len(engine.batch)))
    indices_by_layer: dict[tuple[int, Kind], list[int]] = {}
    for i, node in enumerate(nodes):
        indices_by_layer.setdefault((node.layer, node.kind), []).append(i)
    direction = engine.score_direction()
    for (layer, kind), indices in indices_by_layer.items():
        node = Node(layer, kind, None if kind in STREAM_KINDS else 0)
        own = engine.activation("clean", node)[engine.rows, engine.end].float()  # row …
        if kind in STREAM_KINDS:
            out[indices] = engine.require_finite((own * direction).sum(-1), f"direct effects of {node}")
            continue
        products = own * engine.activation_direction(node, direction)
        by_node = products.sum(-1) if kind == "head" else products  # row index
        index = [nodes[i].index for i in indices]
        out[indices] = engine.require_finite(by_node[:, index].T, f"direct effects of nodes in layer {layer}")
    return out


def _effects_by_source(engine: Engine, head: Node, prompt: int) -> Floats:
    _require_measurable(engine, [head])
    attention = AttentionPattern(head, prompt).compute(engine)[-1]  # source
    row = int(engine.readout.bare_rows[prompt])
    begin = int(engine.layouts["clean"].begin[row])
    shape, index = engine.loaded_model.shape, head.index or 0
    shared = Node(head.layer, "v", index // (shape.n_heads // shape.n_kv_heads))
    positions = slice(begin, begin + len(attention))
    values = engine.activation("clean", shared)[row, positions, shared.index].float()  # source d_head
    read = engine.activation_direction(head, engine.score_direction())[row, index].float()
    effects: Floats = attention * (values @ read).double().cpu().numpy()
    return effects


def _require_measurable(engine: Engine, nodes: Sequence[Node]) -> None:
    for node in nodes:
        if node.kind not in ("head", "neuron", *STREAM_KINDS):
            raise ValueError(f"{node} does not write to the residual stream; name its head instead")
    engine.supported.require_guards("attribution", "direct logit attribution cannot be measured")
    for node in nodes:
        engine.supported.require_guards(f"{node.kind} attribution", f"the direct effect of {node} cannot be measured")
        engine.supported.require_neurons(node, f"the direct effect of {node} cannot be measured")
    name = engine.loaded_model.name
    why = nonlinearity(engine.batch, engine.loaded_model)
    if why is not None:
        raise MiChecksError(f"{name}: direct logit attribution needs a score that is linear in the logits, but {why}")
    if engine.parallel and any(node.kind == "resid_mid" for node in nodes):
        raise MiChecksError(
            f"{name}: this model has no resid_mid, because the attention and MLP of a layer read the same stream"
        )


def nonlinearity(batch: PromptBatch, loaded_model: LoadedModel) -> str | None:
    """Return why the score of these prompts is not linear in what nodes write, and the remedy; None if it is."""
    if batch.score not in (FIRST_TOKEN, FIRST_DIFFERENCE):
        return f"the score {batch.score!r} is not linear in them; use 'score: first_token' or 'first_difference'"
    pair = batch.pairs[0]
    counts = (len(pair.answer_tokens), len(pair.foil_tokens))
    for what, reduction, count in zip(
        ("answer", "foil"), (batch.answer_reduction, batch.foil_reduction), counts, strict=True
    ):
        if reduction == "max" and count > 1:
            return f"the maximum over several {what}s is not linear in them; use '{what}_reduction: mean'"
    if loaded_model.bridge.cfg.output_logits_soft_cap > 0:
        return "this model caps its logits; measure paths into the logits instead"
    return None
