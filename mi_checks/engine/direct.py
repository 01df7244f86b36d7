"""What nodes write directly into the logit difference, all that reads it on the way left aside.

Direct logit attribution (Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"): the final stream is
a sum of what each node wrote, and with the final norm's scale frozen at what it is in the clean run the logits are
linear in it. The embedding (`L0.resid_pre`), all attention layers and all MLPs add up to the clean logit difference,
less what the biases of the final norm and of the unembedding give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Kind, Node
from mi_checks.errors import MiChecksError

if TYPE_CHECKING:
    from mi_checks.engine.engine import Engine

WHOLE = ("attn", "mlp", "resid_pre", "resid_mid", "resid_post")  # what is in the residual stream as it is


def direct(engine: Engine, nodes: list[Node]) -> Floats:
    """See `Engine.direct`."""
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


def _admit(engine: Engine, nodes: list[Node]) -> None:
    for node in nodes:
        if node.kind not in ("head", "neuron", *WHOLE):
            raise ValueError(f"{node} writes nothing into the residual stream; name its head")
    name, batch = engine.subject.name, engine.batch
    why = f"{name}: what a node writes directly is measured in logits, and"
    if engine.readout.tokens is None:
        raise MiChecksError(
            f"{why} the score {batch.score!r} is not linear in them; use 'score: first_token' or 'first_difference'"
        )
    counts = (engine.readout.answers.shape[1], engine.readout.foils.shape[1])
    for what, how, count in zip(
        ("answer", "foil"), (batch.answer_reduction, batch.foil_reduction), counts, strict=True
    ):
        if how == "max" and count > 1:
            raise MiChecksError(
                f"{why} the highest of several {what}s is not linear in them; use '{what}_reduction: mean'"
            )
    if engine.subject.bridge.cfg.output_logits_soft_cap > 0:
        raise MiChecksError(
            f"{why} this model caps its logits, which is not linear; measure paths into the logits instead"
        )
    if engine.parallel and any(node.kind == "resid_mid" for node in nodes):
        raise MiChecksError(
            f"{name}: there is no resid_mid in this model, whose attention and MLP read the same stream"
        )
