"""Measurements → cards of neurons: where they are active in the prompts, and which tokens their weights promote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mi_checks.card_evidence import ablated, written
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import Prompt
from mi_checks.record import Activation, NeuronCard, Promotion

PLACES = 5  # where it is active
CONTEXT = 6  # tokens shown on the left of such a place
TOKENS = 5  # promoted, and as many suppressed


def neuron_cards(neurons: Sequence[Node], measured: Measurements, on_few: Measurements) -> Iterator[NeuronCard]:
    """What neurons write, where they are active and what they promote.

    Args:
        neurons: the neurons.
        measured: where a check may have ablated them.
        on_few: the same claims on fewer prompts, where the rest is measured.
    """
    direct = written(neurons, on_few)
    prompts = [pair.clean for pair in on_few.batch.pairs]
    for neuron in neurons:
        ablation, removes = ablated(neuron, measured)
        tokens = [
            Promotion(on_few.subject.tokenization.piece(int(token)), float(logit))
            for token, logit in on_few.promoted(neuron, TOKENS)
        ]
        yield NeuronCard(
            neuron=str(neuron),
            direct=direct.get(neuron),
            ablation=ablation,
            removes=removes,
            active=tuple(most_active(on_few.activity(neuron), prompts)),
            promotes=tuple(tokens[:TOKENS]),
            suppresses=tuple(reversed(tokens[TOKENS:])),
        )


def most_active(activity: Floats, prompts: Sequence[Prompt]) -> Iterator[Activation]:
    """Where a neuron's activation is largest, the largest first.

    After the same tokens it is the same: of prompts that begin alike, what they share counts once.

    Args:
        activity: `prompt pos`.
        prompts: as many, each no longer than there are positions.
    """
    seen: set[tuple[int, ...]] = set()
    for place in np.argsort(-activity, axis=None, kind="stable"):
        index, position = divmod(int(place), activity.shape[1])
        prompt = prompts[index]
        read = prompt.tokens[: position + 1]
        if position >= len(prompt.tokens) or read in seen:
            continue
        seen.add(read)
        yield Activation(
            before=prompt.pieces[max(position - CONTEXT, 0) : position],
            token=prompt.pieces[position],
            label=prompt.label_at(position),
            value=float(activity[index, position]),
        )
        if len(seen) == PLACES:
            return
