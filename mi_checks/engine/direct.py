"""What nodes write directly into the logit difference, all that reads it on the way left aside.

Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): the final stream is
a sum of what each node wrote, and with the final norm's scale frozen at what it is in the clean run the logits are
linear in it. The embedding (`L0.resid_pre`), all attention layers and all MLPs add up to the clean logit difference,
less what the biases of the final norm and of the unembedding give.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.engine.attended import AttentionPattern
from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Kind, Node
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.scoring import FIRST_DIFFERENCE, FIRST_TOKEN

WHOLE = ("attn", "mlp", "resid_pre", "resid_mid", "resid_post")  # what is in the residual stream as it is


@dataclass(frozen=True)
class DirectEffects(Quantity):
    """What each of several nodes writes directly into the clean score, `node prompt`.

    The final norm's scale is frozen at what it is in the clean run; nodes are heads, neurons, whole layers, or the
    residual stream somewhere, of which `L0.resid_pre` is the embedding.
    """

    by_row = True
    signed = True

    nodes: tuple[Node, ...]

    def names(self) -> tuple[str, ...]:
        """Return the nodes."""
        return tuple(json.dumps(["direct", str(node)]) for node in self.nodes)

    def only(self, rows: Sequence[int]) -> DirectEffects:
        """Return those of some of them."""
        return replace(self, nodes=tuple(self.nodes[row] for row in rows))

    def of(self, engine: Engine) -> Floats:
        """Multiply what is written with the direction of the score.

        Raises:
            MiChecksError: the score is not linear in the logits, or the model caps these.
            ValueError: a node writes nothing.
        """
        return direct(engine, self.nodes)


@dataclass(frozen=True)
class EffectsFromSources(Quantity):
    """What a head writes directly into the clean score of one prompt, by the token it takes it from, `source`.

    They add up to what `DirectEffects` says of the head in that prompt.

    What a head writes at END is Σ attention(source) · value(source) · W_O: linear in each source's value once attention
    is taken as it is (the OV circuit of Elhage et al. 2021).
    """

    signed = True

    head: Node
    prompt: int

    def names(self) -> tuple[str, ...]:
        """Return the head and the prompt."""
        return (json.dumps(["sources", str(self.head), self.prompt]),)

    def of(self, engine: Engine) -> Floats:
        """Multiply each source's value with its attention and the direction of the score.

        Raises:
            MiChecksError: as `DirectEffects`.
        """
        return _from_sources(engine, self.head, self.prompt)


def direct(engine: Engine, nodes: Sequence[Node]) -> Floats:
    """Return `DirectEffects`, `node prompt`."""
    _admit(engine, nodes)
    out = np.empty((len(nodes), len(engine.batch)))
    places: dict[tuple[int, Kind], list[int]] = {}
    for i, node in enumerate(nodes):
        places.setdefault((node.layer, node.kind), []).append(i)
    direction = engine.direction()
    for (layer, kind), among in places.items():
        node = Node(layer, kind, None if kind in WHOLE else 0)
        own = engine.activation("clean", node)[engine.rows, engine.end].float()  # row …
        if kind in WHOLE:
            out[among] = engine.finite((own * direction).sum(-1), f"in what {node} writes")
            continue
        each = own * engine.onto(node, direction)
        by_node = each.sum(-1) if kind == "head" else each  # row index
        index = [nodes[i].index for i in among]
        out[among] = engine.finite(by_node[:, index].T, f"in what layer {layer} writes")
    return out


def _from_sources(engine: Engine, head: Node, prompt: int) -> Floats:
    _admit(engine, [head])
    looks = AttentionPattern(head, prompt).of(engine)[-1]  # source
    row = int(engine.readout.first[prompt])
    begin = int(engine.layouts["clean"].begin[row])
    shape, index = engine.subject.shape, head.index or 0
    shared = Node(head.layer, "v", index // (shape.n_heads // shape.n_kv_heads))
    values = engine.activation("clean", shared)[row, begin : begin + len(looks), shared.index].float()  # source d_head
    read = engine.onto(head, engine.direction())[row, index].float()
    found: Floats = looks * (values @ read).double().cpu().numpy()
    return found


def _admit(engine: Engine, nodes: Sequence[Node]) -> None:
    for node in nodes:
        if node.kind not in ("head", "neuron", *WHOLE):
            raise ValueError(f"{node} writes nothing into the residual stream; name its head")
    engine.admission.refuse("attribution", "direct effects cannot be attributed")
    for node in nodes:
        engine.admission.refuse(f"{node.kind} attribution", f"the direct effect of {node} cannot be measured")
        engine.admission.admit_neurons(node, f"the direct effect of {node} cannot be measured")
    name = engine.subject.name
    why = not_linear(engine.batch, engine.subject)
    if why is not None:
        raise MiChecksError(f"{name}: what a node writes directly is measured in logits, and {why}")
    if engine.parallel and any(node.kind == "resid_mid" for node in nodes):
        raise MiChecksError(
            f"{name}: there is no resid_mid in this model, whose attention and MLP read the same stream"
        )


def not_linear(batch: PromptBatch, subject: Subject) -> str | None:
    """Why the score of these prompts is not linear in what a model's nodes write, with the remedy; None where it is."""
    if batch.score not in (FIRST_TOKEN, FIRST_DIFFERENCE):
        return f"the score {batch.score!r} is not linear in them; use 'score: first_token' or 'first_difference'"
    pair = batch.pairs[0]
    counts = (len(pair.answer_tokens), len(pair.foil_tokens))
    for what, how, count in zip(
        ("answer", "foil"), (batch.answer_reduction, batch.foil_reduction), counts, strict=True
    ):
        if how == "max" and count > 1:
            return f"the highest of several {what}s is not linear in them; use '{what}_reduction: mean'"
    if subject.bridge.cfg.output_logits_soft_cap > 0:
        return "this model caps its logits, which is not linear; measure paths into the logits instead"
    return None
