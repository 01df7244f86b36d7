"""Measurements → cards of neurons: where they are active in the prompts, and which tokens their weights promote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.base_run import Floats
from mi_checks.engine.neuron_quantities import Activity, Promoted
from mi_checks.engine.nodes import Node
from mi_checks.faults.omitted import Omitted
from mi_checks.prompts.batch import Prompt
from mi_checks.results.evidence import Activation, NeuronCard, Promotion
from mi_checks.stats.estimate import Estimate
from mi_checks.suite.evidence.head_cards import ablated, written

PLACES = 5  # where it is active
CONTEXT = 6  # tokens shown on the left of such a place
TOKENS = 5  # promoted, and as many suppressed


def neuron_cards(
    neurons: Sequence[Node], measured: Measurements, on_few: Measurements, omitted: Omitted
) -> Iterator[NeuronCard]:
    """Yield what each neuron writes, where it is active and what it promotes.

    Args:
        neurons: the neurons.
        measured: where a check may have ablated them.
        on_few: the same claims on fewer prompts, where the rest is measured.
        omitted: collects what cannot be had, and so is left out.
    """
    direct = omitted.attempt("the direct logit attribution of neurons", lambda: written(neurons, on_few), {})
    for neuron in neurons:
        what = f"the card of {neuron}"
        card = omitted.attempt(what, partial(_card, neuron, direct.get(neuron), measured, on_few, omitted), None)
        if card is not None:
            yield card


def _card(
    neuron: Node, direct: Estimate | None, measured: Measurements, on_few: Measurements, omitted: Omitted
) -> NeuronCard:
    """One neuron's."""
    ablation, removes = omitted.attempt(f"the ablation of {neuron}", lambda: ablated(neuron, measured), ("", None))
    tokens = omitted.attempt(f"the list of tokens that {neuron} promotes", lambda: _promotions(neuron, on_few), [])
    prompts = [pair.clean for pair in on_few.batch.pairs]
    return NeuronCard(
        neuron=str(neuron),
        direct=direct,
        ablation=ablation,
        removes=removes,
        active=tuple(most_active(on_few.measure(Activity(neuron)), prompts)),
        promotes=tuple(tokens[:TOKENS]),
        suppresses=tuple(reversed(tokens[TOKENS:])),
    )


def _promotions(neuron: Node, measured: Measurements) -> list[Promotion]:
    """Return the promoted tokens, the most first, and after them the suppressed ones, the most last."""
    return [
        Promotion(measured.loaded_model.tokenization.piece(int(token)), float(logit))
        for token, logit in measured.measure(Promoted(neuron, TOKENS))
    ]


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
