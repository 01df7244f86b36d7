"""What each node of a circuit does, in words, and where its heads look: on the tokens of the first example."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.output.readable import Chip, chip
from mi_checks.report.circuit_drawing import state, told
from mi_checks.report.neuron_card import NeuronView, neuron_view
from mi_checks.results.evidence import Circuit, CircuitEdge, CircuitNode, Example, HeadCard, NeuronCard
from mi_checks.stats.estimate import Estimate

SOURCES = 3  # tokens named of those that a head takes what it writes from: the strongest
PATHS = 4  # named into a node, and as many out of it
LEAST = 0.005  # logits that two decimals show


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
        written: what it writes directly by the token it takes it from, of the columns; none where `rows` has none.
        strongest: the same of the strongest tokens.
        total: of all tokens; "" where it is not known.
    """

    last: tuple[LookView, ...]
    sources: tuple[Chip, ...]
    rows: tuple[PatternRow, ...]
    written: tuple[str, ...] = ()
    strongest: tuple[tuple[Chip, str], ...] = ()
    total: str = ""


@dataclass(frozen=True)
class CardView:
    """One node's card."""

    number: int
    name: str
    role: str
    words: str
    facts: tuple[tuple[str, str], ...]  # what, how much
    attention: AttentionView | None
    neuron: NeuronView | None


def card_views(circuit: Circuit, examples: tuple[Example, ...], *, whole: bool = True) -> tuple[CardView, ...]:
    """A card for every node.

    Args:
        circuit: the circuit.
        examples: of its behaviour; heads were looked at in the first one's clean prompt.
        whole: whether to show the attention of all tokens, not the last one's alone.
    """
    heads = {card.head: card for card in circuit.cards}
    neurons = {card.neuron: card for card in circuit.neurons}
    views = []
    for place, node in enumerate(circuit.nodes):
        head, neuron = heads.get(node.node), neurons.get(node.node)
        words = state(node.claimed, node.found)[1]
        facts = (*_facts(node, head or neuron), *_paths(node.node, circuit.edges))
        attention = attention_view(head, examples[0], whole=whole) if head is not None and examples else None
        shown = None if neuron is None else neuron_view(neuron)
        views.append(CardView(place, node.node, node.role, words, facts, attention, shown))
    return tuple(views)


def _facts(node: CircuitNode, card: HeadCard | NeuronCard | None) -> list[tuple[str, str]]:
    where = f"recovers alone at {node.at}" if node.at else "recovers alone"
    facts = [(where, told(node.effect))]
    if card is not None and card.direct is not None:
        facts.append(("writes directly", f"{told(card.direct)} {card.direct.unit}"))
    if card is not None and card.removes is not None:
        facts.append((f"ablation ({card.ablation}) removes", told(card.removes)))
    return facts


def _paths(node: str, edges: tuple[CircuitEdge, ...]) -> list[tuple[str, str]]:
    """Whom it reads and who reads it along the drawn paths, the strongest first, with the share of each path."""
    into = [(e.effect, e.sender + (f" by {e.via}" if e.via else "")) for e in edges if e.receiver == node]
    onward = [(e.effect, e.receiver + (f".{e.via}" if e.via else "")) for e in edges if e.sender == node]
    return [(what, _strongest(ways)) for what, ways in (("reads", into), ("is read by", onward)) if ways]


def _strongest(ways: list[tuple[Estimate | None, str]]) -> str:
    shown = sorted(ways, key=lambda way: 1.0 if way[0] is None else -way[0].value)
    told_of = [f"{name} {'(not measured)' if effect is None else number(effect.value)}" for effect, name in shown]
    more = [f"{len(told_of) - PATHS} more"] if len(told_of) > PATHS else []
    return ", ".join((*told_of[:PATHS], *more))


def attention_view(card: HeadCard, example: Example, *, whole: bool = True) -> AttentionView | None:
    """Where a head looks; None where the pattern is not one of the example's tokens."""
    tokens = tuple(chip(token.text) for token in example.clean)
    if not card.attention or len(card.attention[-1]) != len(tokens):
        return None
    complete = whole and [len(row) for row in card.attention] == [*range(1, len(tokens) + 1)]
    last = zip(tokens, card.attention[-1], strict=True)
    known = len(card.sources) == len(tokens)
    by_token = sorted(zip(tokens, card.sources, strict=True), key=lambda each: -abs(each[1])) if known else []
    strongest = tuple((token, number(value)) for token, value in by_token[:SOURCES] if abs(value) >= LEAST)
    return AttentionView(
        last=tuple(LookView(token, percent, step(percent)) for token, percent in last),
        sources=tokens if complete else (),
        rows=tuple(
            PatternRow(token, tuple((percent, step(percent)) for percent in row))
            for token, row in zip(tokens, card.attention, strict=True)
        )
        if complete
        else (),
        written=tuple("" if abs(value) < LEAST else number(value) for value in card.sources)
        if complete and strongest
        else (),
        strongest=strongest,
        total=number(sum(card.sources)) if known else "",
    )


def step(percent: int) -> int:
    """Of ten steps of opacity; whatever is more than nothing is seen."""
    return min(max(-(-percent // 10), 0), 10)
