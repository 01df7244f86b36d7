"""What each node of a circuit does, in words, and where its heads look: on the tokens of the first example."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.record import Circuit, CircuitNode, Example, HeadCard
from mi_checks.report.circuit import state, told
from mi_checks.report.text import Chip, chip


@dataclass(frozen=True)
class LookView:
    """A token that is looked at: the percentage, and its step of opacity, 0 to 10."""

    token: Chip
    percent: int
    step: int


@dataclass(frozen=True)
class PatternRow:
    """Where one token looks: percentages with their steps, up to the token itself."""

    token: Chip
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AttentionView:
    """Where a head looks in one prompt.

    Attributes:
        last: the tokens, with what the last one gives each.
        sources: the tokens of the columns; none where only the last row is known.
        rows: all destinations, likewise.
    """

    last: tuple[LookView, ...]
    sources: tuple[Chip, ...]
    rows: tuple[PatternRow, ...]


@dataclass(frozen=True)
class CardView:
    """One node's card."""

    number: int
    name: str
    role: str
    words: str
    facts: tuple[tuple[str, str], ...]  # what, how much
    attention: AttentionView | None


def card_views(circuit: Circuit, examples: tuple[Example, ...], *, whole: bool = True) -> tuple[CardView, ...]:
    """A card for every node.

    Args:
        circuit: the circuit.
        examples: of its behaviour; heads were looked at in the first one's clean prompt.
        whole: whether to show the attention of all tokens, not the last one's alone.
    """
    cards = {card.head: card for card in circuit.cards}
    return tuple(
        _card(number, node, cards.get(node.node), examples, whole=whole) for number, node in enumerate(circuit.nodes)
    )


def _card(
    number: int, node: CircuitNode, card: HeadCard | None, examples: tuple[Example, ...], *, whole: bool
) -> CardView:
    where = f"recovers alone at {node.at}" if node.at else "recovers alone"
    facts = [(where, told(node.effect))]
    if card is not None and card.direct is not None:
        facts.append(("writes directly", f"{told(card.direct)} {card.direct.unit}"))
    if card is not None and card.removes is not None:
        facts.append((f"ablation ({card.ablation}) removes", told(card.removes)))
    attention = attention_view(card, examples[0], whole=whole) if card is not None and examples else None
    return CardView(number, node.node, node.role, state(node.claimed, node.found)[1], tuple(facts), attention)


def attention_view(card: HeadCard, example: Example, *, whole: bool = True) -> AttentionView | None:
    """Where a head looks; None where the pattern is not one of the example's tokens."""
    tokens = tuple(chip(token.text) for token in example.clean)
    if not card.attention or len(card.attention[-1]) != len(tokens):
        return None
    complete = whole and [len(row) for row in card.attention] == [*range(1, len(tokens) + 1)]
    last = zip(tokens, card.attention[-1], strict=True)
    return AttentionView(
        last=tuple(LookView(token, percent, step(percent)) for token, percent in last),
        sources=tokens if complete else (),
        rows=tuple(
            PatternRow(token, tuple((percent, step(percent)) for percent in row))
            for token, row in zip(tokens, card.attention, strict=True)
        )
        if complete
        else (),
    )


def step(percent: int) -> int:
    """Of ten steps of opacity; whatever is more than nothing is seen."""
    return min(max(-(-percent // 10), 0), 10)
