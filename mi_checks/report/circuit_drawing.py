"""A layout of the circuit behind a behaviour: layers upward, paths in between. A table repeats every value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.results.evidence import Circuit, CircuitEdge, CircuitNode
from mi_checks.stats.estimate import Estimate

WIDTH, LEFT, RIGHT = 340, 46, 34  # pixels; the layer labels are to the left of the nodes
MIN_NODE_SPACING = 56  # pixels between two nodes of a layer whose names are as short as `L0H3`; a minimum
# extra pixels per letter; letters in a short name; longest name that adds width
LETTER_WIDTH, SHORT_NAME_LETTERS, MAX_NAME_LETTERS = 6, 4, 12
STEP, TOP, BOTTOM = 54, 58, 46
# pixels: radius of a node that recovers nothing, and what is added for a full recovery
MIN_RADIUS, RADIUS_RANGE = 6.0, 9.0
# pixels: width of a path that recovers nothing, and what is added for a full recovery
MIN_PATH_WIDTH, PATH_WIDTH_RANGE = 1.5, 4.5
MAX_TRACED_NODES = 24  # the style sheet has rules to trace paths for this many nodes
OFFSETS = {"q": -8, "k": 0, "v": 8}  # pixels: the inputs of one head are drawn side by side
LOGITS = "logits"
STATES = {  # (claimed, found) → class, words
    (True, True): ("k", "claimed and found"),
    (True, False): ("c", "claimed, not found"),
    (False, True): ("f", "found, not claimed"),
    (False, False): ("p", "on the way"),
}


@dataclass(frozen=True)
class NodeView:
    """A node: its position, its radius in pixels, and a text with the fraction it recovers.

    `state` is a class of the style sheet, `shape` is "c" (head), "r" (layer) or "d" (neuron), and `traces` has the
    numbers of the nodes that share a path with this one.
    """

    number: int
    name: str
    role: str
    x: int
    y: int
    r: float
    state: str
    shape: str
    words: str
    effect: str
    at: str
    traces: tuple[int, ...]


@dataclass(frozen=True)
class EdgeView:
    """A path of one hop: its curve, the position of its input's letter, and a text with the fraction it recovers."""

    sender: str
    receiver: str
    via: str
    curve: str
    letter: tuple[int, int]  # x and y of its middle, in pixels
    width: float
    state: str
    words: str
    effect: str
    traces: tuple[int, ...]


@dataclass(frozen=True)
class CircuitView:
    """The coordinates and texts of one drawing."""

    anchor: str
    title: str
    description: str
    width: int
    height: int
    layers: tuple[tuple[int, str], ...]  # y of the middle in pixels, label
    nodes: tuple[NodeView, ...]
    edges: tuple[EdgeView, ...]
    logits: tuple[int, int]
    prompt: tuple[int, int]
    n: int
    omitted: int


Row = tuple[int, bool]  # layer, and whether this is the row of its MLP


@dataclass(frozen=True)
class _Place:
    x: int
    y: int
    r: float
    row: int


def circuit_view(circuit: Circuit, title: str, anchor: str) -> CircuitView:
    """Lay out a circuit; the anchors of its nodes' cards start with `anchor`."""
    rows: dict[Row, list[CircuitNode]] = {}
    for node in circuit.nodes:
        rows.setdefault((node.layer, node.kind in ("mlp", "neuron")), []).append(node)
    width = max(WIDTH, LEFT + RIGHT + max(map(_span, rows.values()), default=0))
    height = TOP + STEP * max(len(rows) - 1, 0) + BOTTOM
    places, layers = {}, []
    for row, (key, nodes) in enumerate(sorted(rows.items())):
        y = height - BOTTOM - STEP * row
        layers.append((y, f"L{key[0]}{' MLP' if key[1] else ''}"))
        gap = (width - LEFT - RIGHT) / (len(nodes) + 1)
        aside = (-1) ** row * gap * 0.15  # so that paths that skip a layer do not run through the middle of it
        for place, node in enumerate(nodes):
            places[node.node] = _Place(round(LEFT + gap * (place + 1) + aside), y, _radius(node.effect), row)
    edges = [edge for edge in circuit.edges if edge.sender in places and edge.receiver in {*places, LOGITS}]
    order = {node.node: number for number, node in enumerate(circuit.nodes)}
    reached = _reached(order, edges)
    top = _Place(width // 2, 20, 0.0, len(rows))
    return CircuitView(
        anchor=anchor,
        title=title,
        description=_description(circuit),
        width=width,
        height=height,
        layers=tuple(layers),
        nodes=tuple(_node(node, places[node.node], order, reached) for node in circuit.nodes),
        edges=tuple(_edge(edge, places, top, width, order, reached) for edge in edges),
        logits=(top.x, top.y),
        prompt=(top.x, height - 6),
        n=circuit.n,
        omitted=circuit.omitted,
    )


def state(claimed: bool, found: bool) -> tuple[str, str]:
    """Return the style of a node or a path, and its meaning in words."""
    return STATES[claimed, found]


def estimate_text(estimate: Estimate | None) -> str:
    """Return an estimate with its interval, such as `0.56 [0.46, 0.65]`."""
    return "not measured" if estimate is None else numbers.estimate_text(estimate)


def _node(node: CircuitNode, place: _Place, order: Mapping[str, int], reached: Mapping[str, set[str]]) -> NodeView:
    css, words = state(node.claimed, node.found)
    shape = {"head": "c", "neuron": "d"}.get(node.kind, "r")
    through = tuple(order[other] for other in order if node.node in reached[other] or other in reached[node.node])
    number = order[node.node]
    effect = estimate_text(node.effect)
    return NodeView(
        number, node.node, node.role, place.x, place.y, place.r, css, shape, words, effect, node.at, through
    )


def _edge(
    edge: CircuitEdge,
    places: Mapping[str, _Place],
    top: _Place,
    width: int,
    order: Mapping[str, int],
    reached: Mapping[str, set[str]],
) -> EdgeView:
    css, words = state(edge.claimed, edge.found)
    start, end = places[edge.sender], places.get(edge.receiver, top)
    if edge.receiver == LOGITS:
        aside = 0 if start.row + 1 == end.row else round((end.x - start.x) / 3)
        end = _Place(start.x + aside, end.y + 2, 0.0, end.row)
    spread = OFFSETS.get(edge.via, 0)
    passed = end.row - start.row - 1  # rows between
    bow = 0 if passed < 1 else (26 + 10 * passed) * (-1 if start.x < width / 2 else 1)
    x1, y1, x2, y2 = start.x, start.y - start.r, end.x + spread, end.y + end.r
    a = (_within(x1 + bow, width), y1 - 0.4 * (y1 - y2))
    b = (_within(x2 + bow + spread, width), y2 + 0.4 * (y1 - y2))
    curve = f"M{x1} {y1:.0f}C{a[0]:.0f} {a[1]:.0f} {b[0]:.0f} {b[1]:.0f} {x2} {y2:.0f}"
    above = reached.get(edge.receiver, set())
    return EdgeView(
        sender=edge.sender,
        receiver=edge.receiver,
        via=edge.via,
        curve=curve,
        letter=_on((x1, y1), a, b, (x2, y2), 0.7),
        width=round(MIN_PATH_WIDTH + PATH_WIDTH_RANGE * _fraction(edge.effect), 1),
        state=css,
        words=words,
        effect=estimate_text(edge.effect),
        traces=tuple(order[name] for name in order if edge.sender in reached[name] or name in above),
    )


def _reached(names: Iterable[str], edges: Iterable[CircuitEdge]) -> dict[str, set[str]]:
    """Map every node to the nodes that a path from it reaches, itself included."""
    onward: dict[str, set[str]] = {name: set() for name in names}
    for edge in edges:
        onward[edge.sender] |= {edge.receiver} & set(onward)
    reached = {}
    for name in onward:
        seen, new = {name}, [name]
        while new:
            more = onward[new.pop()] - seen
            seen |= more
            new += more
        reached[name] = seen
    return reached


def _span(nodes: Sequence[CircuitNode]) -> int:
    """Return the width of a row in pixels: every name is beside its node and in front of the next."""
    letters = min(max(SHORT_NAME_LETTERS, *(len(node.node) for node in nodes)), MAX_NAME_LETTERS)
    return (MIN_NODE_SPACING + LETTER_WIDTH * (letters - SHORT_NAME_LETTERS)) * (1 + len(nodes))


def _radius(effect: Estimate | None) -> float:
    # the area is proportional to the fraction
    return round(MIN_RADIUS + RADIUS_RANGE * math.sqrt(_fraction(effect)), 1)


def _fraction(effect: Estimate | None) -> float:
    return 0.0 if effect is None or not math.isfinite(effect.value) else min(max(effect.value, 0.0), 1.0)


def _within(x: float, width: int) -> float:
    return min(max(x, 4.0), width - 4.0)


def _on(
    start: tuple[float, float], a: tuple[float, float], b: tuple[float, float], end: tuple[float, float], t: float
) -> tuple[int, int]:
    """Return the point of a cubic Bézier curve at `t`, rounded to whole pixels."""
    weights = ((1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3)
    points = (start, a, b, end)
    x, y = (round(sum(w * p[axis] for w, p in zip(weights, points, strict=True))) for axis in (0, 1))
    return x, y


def _description(circuit: Circuit) -> str:
    counts = [
        f"{sum((each.claimed, each.found) == key for each in circuit.nodes)} {words}"
        for key, (_, words) in STATES.items()
        if any((each.claimed, each.found) == key for each in circuit.nodes)
    ]
    return f"Nodes: {', '.join(counts)}. Paths: {len(circuit.edges)}. The table below has all values."
