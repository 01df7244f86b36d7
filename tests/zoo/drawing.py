"""Random interventions, of those that a model's row of the table does not refuse."""

from __future__ import annotations

import numpy as np

from mi_checks.engine.interventions import Intervention, Side, reaches
from mi_checks.engine.nodes import LOGITS, Kind, Node
from tests.zoo.quantities import N_LAYERS
from tests.zoo.specimen import Specimen

NODES: dict[Kind, str] = {  # kind → the quantity that it is part of
    "head": "z", "q": "q", "k": "k", "v": "v", "pattern": "pattern", "neuron": "neurons", "attn": "layers",
    "mlp": "layers", "resid_pre": "layers", "resid_mid": "resid_mid",
}  # fmt: skip


def drawn(specimen: Specimen, *, seed: int, count: int) -> list[Intervention]:
    """Draw interventions: two in three on one to three nodes, the others along paths."""
    rng = np.random.default_rng(seed)
    kinds = [kind for kind, quantity in NODES.items() if quantity not in specimen.configuration.refused]
    found = []
    for number in range(count):
        side: Side = ("clean", "corrupt")[rng.integers(2)]
        at = (None, "X", "Y", "END", int(rng.integers(2, 8)))[rng.integers(5)]
        value = ({"clean": "corrupt", "corrupt": "clean"}[side], "zero")[int(rng.random() < 0.2)]
        if number % 3 == 2 and "paths" not in specimen.configuration.refused:
            nodes = (_node(specimen, "head", rng, last=1),)
            found.append(Intervention(nodes, at, side, value, _receivers(specimen, nodes[0], rng)))
            continue
        chosen = {_node(specimen, rng.choice(kinds), rng) for _ in range(rng.integers(1, 4))}
        found.append(Intervention(tuple(sorted(chosen, key=str)), at, side, value))
    return found


def _node(specimen: Specimen, kind: Kind, rng: np.random.Generator, last: int = N_LAYERS - 1) -> Node:
    sizes = specimen.comparison.sizes
    counts = {"head": sizes.heads, "q": sizes.heads, "pattern": sizes.heads, "neuron": sizes.neurons}
    counts |= dict.fromkeys(("k", "v"), sizes.keys)
    index = int(rng.integers(counts[kind])) if kind in counts else None
    return Node(int(rng.integers(last + 1)), str(kind), index)


def _receivers(specimen: Specimen, sender: Node, rng: np.random.Generator) -> tuple[Node, ...]:
    kinds: list[Kind] = ["q", "k", "v", "mlp"]
    candidates = {_node(specimen, rng.choice(kinds), rng) for _ in range(6)} | {LOGITS}
    parallel = specimen.oracle.layers[0].parallel
    fit = [one for one in candidates if reaches(sender, one) and not (parallel and one.layer == sender.layer)]
    return tuple(sorted(fit, key=str))
