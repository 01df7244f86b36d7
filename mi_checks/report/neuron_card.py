"""The card of a neuron: the tokens at which it is most active, and the tokens that its output weights promote."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.output.readable import Chip, chip
from mi_checks.results.evidence import NeuronCard, Promotion


@dataclass(frozen=True)
class ActiveView:
    """A token at which the neuron is active, with the tokens before it."""

    before: tuple[Chip, ...]
    token: Chip
    label: str
    value: str


@dataclass(frozen=True)
class NeuronView:
    """The contents of a neuron's card; `promotes` and `suppresses` are tokens with logits."""

    active: tuple[ActiveView, ...]
    promotes: tuple[tuple[Chip, str], ...]
    suppresses: tuple[tuple[Chip, str], ...]


def neuron_view(card: NeuronCard) -> NeuronView:
    """Format the texts and numbers of one card."""
    return NeuronView(
        active=tuple(
            ActiveView(tuple(map(chip, each.before)), chip(each.token), each.label, number(each.value))
            for each in card.active
        ),
        promotes=_tokens(card.promotes),
        suppresses=_tokens(card.suppresses),
    )


def _tokens(promotions: tuple[Promotion, ...]) -> tuple[tuple[Chip, str], ...]:
    return tuple((chip(each.token), number(each.logit)) for each in promotions)
