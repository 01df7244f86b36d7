"""A run as wide as they come: fourteen models, the neurons of a sweep, and the attention of a head to forty tokens."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.results.evidence import Architecture, Heatmap, TokenView
from mi_checks.results.run import Run
from tests.report.circuits import CIRCUIT
from tests.report.conftest import make_run

MODELS = [f"nano-{kind}-{layers}l@{step}" for kind in ("attn", "gelu") for layers in "1234" for step in (350, 1200)][
    :14
]
TOKENS, NEURONS = 40, 24


def wide() -> Run:
    """The first behaviour of the usual run on all of them, two of its models in turn."""
    small = make_run()
    sources = ("nano-attn-2l", "nano-gelu-2l")
    found, results = [], []
    for number, model in enumerate(MODELS):
        source = sources[number % 2]
        whole = next(e for e in small.evidence if (e.behaviour, e.model) == ("induction", source))
        effect = replace(whole.effect, model=model, architecture=Architecture(f"kind {number // 4}", number % 4 + 1, 8))
        found.append(replace(whole, model=model, effect=effect))
        results += [replace(r, model=model) for r in small.results if (r.behaviour, r.model) == ("induction", source)]
    tokens = tuple(TokenView(f" token{number}", "", False) for number in range(TOKENS))
    attention = tuple((100 // (row + 1),) * (row + 1) for row in range(TOKENS))
    neurons = Heatmap("neurons", ("L0",), tuple(f"L0N{n}" for n in range(NEURONS)), ((-0.012,) * NEURONS,))
    first = found[0]
    found[0] = replace(
        first,
        heatmaps=(*first.heatmaps, neurons),
        circuit=replace(CIRCUIT, cards=tuple(replace(card, attention=attention) for card in CIRCUIT.cards)),
        examples=(replace(first.examples[0], clean=tokens, corrupt=tokens), *first.examples[1:]),
    )
    return replace(small, models={}, evidence=tuple(found), results=tuple(results))
