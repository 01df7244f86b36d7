"""Cards that describe each node of a circuit: the attention of a head, and the activations and weights of a neuron."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.output.safe_text import TokenChip, token_chip
from mi_checks.report.circuit_charts import claim_state, optional_estimate_text
from mi_checks.results.evidence import Circuit, CircuitEdge, CircuitNode, Example, HeadCard, NeuronCard, Promotion
from mi_checks.stats.estimate import Estimate


@dataclass(frozen=True)
class ActivationView:
    """A token at which the neuron is active, with the tokens before it."""

    before: tuple[TokenChip, ...]
    token: TokenChip
    label: str
    value: str


@dataclass(frozen=True)
class NeuronView:
    """The contents of a neuron's card; `promotes` and `suppresses` are tokens with logits."""

    active: tuple[ActivationView, ...]
    promotes: tuple[tuple[TokenChip, str], ...]
    suppresses: tuple[tuple[TokenChip, str], ...]


def neuron_view(card: NeuronCard) -> NeuronView:
    """Format the texts and numbers of one card."""
    return NeuronView(
        active=tuple(
            ActivationView(tuple(map(token_chip, each.before)), token_chip(each.token), each.label, number(each.value))
            for each in card.active
        ),
        promotes=_tokens(card.promotes),
        suppresses=_tokens(card.suppresses),
    )


def _tokens(promotions: tuple[Promotion, ...]) -> tuple[tuple[TokenChip, str], ...]:
    return tuple((token_chip(each.token), number(each.logit)) for each in promotions)


MAX_SOURCES = 3  # source tokens listed per head, the strongest contributions first
MAX_PATHS = 4  # listed paths into a node, and as many out of it
MIN_SHOWN_LOGITS = 0.005  # logits; smaller values round to 0.00 in two decimals


@dataclass(frozen=True)
class AttendedToken:
    """An attended token with its attention in percent and its opacity step, 0 to 10."""

    token: TokenChip
    percent: int
    opacity_step: int


@dataclass(frozen=True)
class AttentionRow:
    """The attention of one destination token: percentages with their opacity steps, up to the token itself."""

    token: TokenChip
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AttentionView:
    """The attention of a head in one prompt.

    Attributes:
        last_row: the tokens, each with the attention that the last token pays to it.
        sources: the tokens of the columns; empty where only the last row is known.
        rows: all destination tokens; empty where only the last row is known.
        contributions: for each column, what the head writes directly from that source token; empty where `rows` is.
        strongest: the source tokens with the largest direct contributions, with these contributions.
        total: the sum of the contributions of all source tokens; "" where it is not known.
    """

    last_row: tuple[AttendedToken, ...]
    sources: tuple[TokenChip, ...]
    rows: tuple[AttentionRow, ...]
    contributions: tuple[str, ...] = ()
    strongest: tuple[tuple[TokenChip, str], ...] = ()
    total: str = ""


@dataclass(frozen=True)
class NodeCardView:
    """The card of one node."""

    number: int
    name: str
    role: str
    words: str
    facts: tuple[tuple[str, str], ...]  # label, value
    attention: AttentionView | None
    neuron: NeuronView | None


def node_card_views(
    circuit: Circuit, examples: tuple[Example, ...], *, all_tokens: bool = True
) -> tuple[NodeCardView, ...]:
    """Return a card for every node.

    Args:
        circuit: the circuit.
        examples: the examples of its behaviour; attention is shown on the clean prompt of the first one.
        all_tokens: whether to show the attention of all tokens instead of only the last token's.
    """
    heads = {card.head: card for card in circuit.cards}
    neurons = {card.neuron: card for card in circuit.neurons}
    views = []
    for place, node in enumerate(circuit.nodes):
        head, neuron = heads.get(node.node), neurons.get(node.node)
        words = claim_state(node.claimed, node.found)[1]
        facts = (*_fact_list(node, head or neuron), *_paths(node.node, circuit.edges))
        attention = attention_view(head, examples[0], all_tokens=all_tokens) if head is not None and examples else None
        neuron_content = None if neuron is None else neuron_view(neuron)
        views.append(NodeCardView(place, node.node, node.role, words, facts, attention, neuron_content))
    return tuple(views)


def _fact_list(node: CircuitNode, card: HeadCard | NeuronCard | None) -> list[tuple[str, str]]:
    where = f"fraction recovered alone at {node.at}" if node.at else "fraction recovered alone"
    facts = [(where, optional_estimate_text(node.effect))]
    if card is not None and card.direct is not None:
        facts.append(("direct logit attribution", f"{optional_estimate_text(card.direct)} {card.direct.unit}"))
    if card is not None and card.removes is not None:
        facts.append((f"{card.ablation} ablation removes", optional_estimate_text(card.removes)))
    return facts


def _paths(node: str, edges: tuple[CircuitEdge, ...]) -> list[tuple[str, str]]:
    """Return the paths into and out of a node in the drawing, strongest first, with the fraction recovered by each."""
    into = [(e.effect, e.sender + (f" via {e.via}" if e.via else "")) for e in edges if e.receiver == node]
    onward = [(e.effect, e.receiver + (f".{e.via}" if e.via else "")) for e in edges if e.sender == node]
    return [
        (what, _strongest(path_effects))
        for what, path_effects in (("inputs", into), ("outputs", onward))
        if path_effects
    ]


def _strongest(path_effects: list[tuple[Estimate | None, str]]) -> str:
    strongest_first = sorted(path_effects, key=lambda path: 1.0 if path[0] is None else -path[0].value)
    path_texts = [
        f"{name} {'(not measured)' if effect is None else number(effect.value)}" for effect, name in strongest_first
    ]
    more = [f"{len(path_texts) - MAX_PATHS} more"] if len(path_texts) > MAX_PATHS else []
    return ", ".join((*path_texts[:MAX_PATHS], *more))


def attention_view(card: HeadCard, example: Example, *, all_tokens: bool = True) -> AttentionView | None:
    """Return the attention of a head, or None where the pattern's length is not that of the example's tokens."""
    tokens = tuple(token_chip(token.text) for token in example.clean)
    if not card.attention or len(card.attention[-1]) != len(tokens):
        return None
    complete = all_tokens and [len(row) for row in card.attention] == [*range(1, len(tokens) + 1)]
    last_row = zip(tokens, card.attention[-1], strict=True)
    known = len(card.sources) == len(tokens)
    by_token = sorted(zip(tokens, card.sources, strict=True), key=lambda each: -abs(each[1])) if known else []
    strongest = tuple(
        (token, number(value)) for token, value in by_token[:MAX_SOURCES] if abs(value) >= MIN_SHOWN_LOGITS
    )
    return AttentionView(
        last_row=tuple(AttendedToken(token, percent, opacity_step(percent)) for token, percent in last_row),
        sources=tokens if complete else (),
        rows=tuple(
            AttentionRow(token, tuple((percent, opacity_step(percent)) for percent in row))
            for token, row in zip(tokens, card.attention, strict=True)
        )
        if complete
        else (),
        contributions=tuple("" if abs(value) < MIN_SHOWN_LOGITS else number(value) for value in card.sources)
        if complete and strongest
        else (),
        strongest=strongest,
        total=number(sum(card.sources)) if known else "",
    )


def opacity_step(percent: int) -> int:
    """Return the opacity step of a percentage, 0 to 10, rounded up so that every nonzero value is visible."""
    return min(max(-(-percent // 10), 0), 10)
