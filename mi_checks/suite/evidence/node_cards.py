"""Cards of heads and neurons for the report: what each writes, where it attends or is active, what ablation removes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from mi_checks.checks.hypothesis import checks_on_model
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.patching import refuse_unequal_lengths
from mi_checks.engine.clean_run_quantities import AttentionPattern, NeuronActivations, PromotedTokens
from mi_checks.engine.direct_attribution import DirectEffects, DirectEffectsBySource, nonlinearity
from mi_checks.engine.interventions import ablate
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.faults.omissions import Omissions
from mi_checks.prompts.batch import Prompt
from mi_checks.results.evidence import Activation, HeadCard, NeuronCard, Promotion
from mi_checks.spec.node_checks import AblationCheck
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, mean_intervals, ratio_intervals

# Of an example whose whole attention pattern is stored; for longer ones, only that of the last token.
MAX_PATTERN_TOKENS = 40
SOURCE_DECIMALS = 4  # of the direct effect from one token


def head_cards(
    heads: Sequence[Node], measured: Measurements, on_few: Measurements, omitted: Omissions
) -> Iterator[HeadCard]:
    """Yield a card for each head: what it writes, where it attends and what its ablation removes.

    Args:
        heads: the heads.
        measured: the measurements, in which a check may have ablated them.
        on_few: the same claims on fewer prompts, on which the rest is measured.
        omitted: records what cannot be measured and is left out.
    """
    direct = omitted.attempt("the direct logit attribution of heads", lambda: direct_effects(heads, on_few), {})
    for head in heads:
        card = omitted.attempt(f"the card of {head}", partial(_head_card, head, direct, measured, omitted), None)
        if card is not None:
            yield card


def _head_card(head: Node, direct: Mapping[Node, Estimate], measured: Measurements, omitted: Omissions) -> HeadCard:
    """Return the card of a head, on the median example, which need not be among the fewer prompts."""
    shown = measured.example_pairs["median"]
    pattern = np.rint(100 * measured.measure(AttentionPattern(head, shown))).astype(int).tolist()
    rows = enumerate(pattern) if len(pattern) <= MAX_PATTERN_TOKENS else [(len(pattern) - 1, pattern[-1])]
    ablation, removes = omitted.attempt(f"the ablation of {head}", lambda: ablation_effect(head, measured), ("", None))
    sources: tuple[float, ...] = ()
    if head in direct:
        what = f"the direct logit attribution of {head} by token"
        sources = omitted.attempt(
            what,
            lambda: tuple(np.round(measured.measure(DirectEffectsBySource(head, shown)), SOURCE_DECIMALS).tolist()),
            (),
        )
    return HeadCard(
        head=str(head),
        direct=direct.get(head),
        ablation=ablation,
        removes=removes,
        attention=tuple(tuple(row[: destination + 1]) for destination, row in rows),
        sources=sources,
    )


def direct_effects(nodes: Sequence[Node], measured: Measurements) -> dict[Node, Estimate]:
    """Return the direct effect of each node on the clean logit difference; empty if the score is not linear."""
    if not nodes or nonlinearity(measured.batch, measured.loaded_model) is not None:
        return {}
    estimates = mean_intervals(
        measured.measure(DirectEffects(tuple(nodes))),
        score_unit(measured.batch.score),
        measured.design,
        floor=measured.floor,
        cache=measured.intervals,
    )
    return dict(zip(nodes, estimates, strict=True))


def ablation_effect(node: Node, measured: Measurements) -> tuple[str, Estimate | None]:
    """Return how the first check that ablates only this node ablates it, and the fraction that this removes."""
    for check in checks_on_model(measured):
        if not isinstance(check, AblationCheck):
            continue
        try:
            if measured.nodes(check.nodes) != (node,):
                continue
            refuse_unequal_lengths(measured, check.with_, check.at)
            patched = measured.logit_diff(ablate(node, kind=check.with_, at=check.at))
            removed = (measured.unpatched.clean.logit_diff - patched)[None]
            (removes,) = ratio_intervals(
                removed, measured.unpatched.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
            )
        except (MiChecksError, NoEffectSize):  # the check itself reports it
            continue
        return check.with_ + (f" at {check.at}" if check.at else ""), removes
    return "", None


MAX_ACTIVE_PLACES = 5  # positions where a neuron is most active
N_CONTEXT_TOKENS = 6  # tokens shown before such a position
N_PROMOTED_TOKENS = 5  # and as many suppressed tokens


def neuron_cards(
    neurons: Sequence[Node], measured: Measurements, on_few: Measurements, omitted: Omissions
) -> Iterator[NeuronCard]:
    """Yield a card for each neuron: what it writes, where it is active and which tokens it promotes.

    Args:
        neurons: the neurons.
        measured: the measurements, in which a check may have ablated them.
        on_few: the same claims on fewer prompts, on which the rest is measured.
        omitted: records what cannot be measured and is left out.
    """
    direct = omitted.attempt("the direct logit attribution of neurons", lambda: direct_effects(neurons, on_few), {})
    for neuron in neurons:
        what = f"the card of {neuron}"
        card = omitted.attempt(what, partial(_neuron_card, neuron, direct.get(neuron), measured, on_few, omitted), None)
        if card is not None:
            yield card


def _neuron_card(
    neuron: Node, direct: Estimate | None, measured: Measurements, on_few: Measurements, omitted: Omissions
) -> NeuronCard:
    """Return the card of a neuron."""
    ablation, removes = omitted.attempt(
        f"the ablation of {neuron}", lambda: ablation_effect(neuron, measured), ("", None)
    )
    tokens = omitted.attempt(f"the list of tokens that {neuron} promotes", lambda: _promotions(neuron, on_few), [])
    prompts = [pair.clean for pair in on_few.batch.pairs]
    return NeuronCard(
        neuron=str(neuron),
        direct=direct,
        ablation=ablation,
        removes=removes,
        active=tuple(most_active(on_few.measure(NeuronActivations(neuron)), prompts)),
        promotes=tuple(tokens[:N_PROMOTED_TOKENS]),
        suppresses=tuple(reversed(tokens[N_PROMOTED_TOKENS:])),
    )


def _promotions(neuron: Node, measured: Measurements) -> list[Promotion]:
    """Return the promoted tokens, the most first, and after them the suppressed ones, the most last."""
    return [
        Promotion(measured.loaded_model.tokenization.piece(int(token)), float(logit))
        for token, logit in measured.measure(PromotedTokens(neuron, N_PROMOTED_TOKENS))
    ]


def most_active(activity: Floats, prompts: Sequence[Prompt]) -> Iterator[Activation]:
    """Yield the positions where a neuron's activation is largest, the largest first.

    The activation depends only on the tokens so far, so a shared beginning of several prompts counts once.

    Args:
        activity: `prompt pos`.
        prompts: the prompts, one for each row.
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
            before=prompt.pieces[max(position - N_CONTEXT_TOKENS, 0) : position],
            token=prompt.pieces[position],
            label=prompt.label_at(position),
            value=float(activity[index, position]),
        )
        if len(seen) == MAX_ACTIVE_PLACES:
            return
