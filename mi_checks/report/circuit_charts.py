"""Drawings of circuits: the nodes and paths of one, and faithfulness over circuits of increasing size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mi_checks.output import numbers
from mi_checks.report.axis import Axis, fit
from mi_checks.results.evidence import Circuit, CircuitEdge, CircuitNode, Curve
from mi_checks.stats.estimate import Estimate

MIN_WIDTH, LEFT, RIGHT = 340, 46, 34  # pixels; the layer labels are to the left of the nodes
MIN_NODE_SPACING = 56  # pixels between two nodes of a layer whose names are as short as `L0H3`; a minimum
# extra pixels per letter; letters in a short name; longest name that adds width
LETTER_WIDTH, SHORT_NAME_LETTERS, MAX_NAME_LETTERS = 6, 4, 12
ROW_HEIGHT, TOP, BOTTOM = 54, 58, 46
# pixels: radius of a node that recovers nothing, and what is added for a full recovery
MIN_RADIUS, RADIUS_RANGE = 6.0, 9.0
# pixels: width of a path that recovers nothing, and what is added for a full recovery
MIN_PATH_WIDTH, PATH_WIDTH_RANGE = 1.5, 4.5
MAX_TRACED_NODES = 24  # the style sheet has rules to trace paths for this many nodes
INPUT_OFFSETS = {"q": -8, "k": 0, "v": 8}  # pixels: the inputs of one head are drawn side by side
LOGITS = "logits"
STATES = {  # (claimed, found) → class, words
    (True, True): ("k", "claimed and mediating"),
    (True, False): ("c", "claimed, not mediating alone"),
    (False, True): ("f", "mediating, not claimed"),
    (False, False): ("p", "intermediate"),
}


@dataclass(frozen=True)
class NodeMark:
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
class PathMark:
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
class CircuitDrawing:
    """The coordinates and texts of one drawing."""

    anchor: str
    title: str
    description: str
    width: int
    height: int
    layers: tuple[tuple[int, str], ...]  # y of the middle in pixels, label
    nodes: tuple[NodeMark, ...]
    edges: tuple[PathMark, ...]
    logits: tuple[int, int]
    prompt: tuple[int, int]
    n: int
    omitted: int


CircuitRow = tuple[int, bool]  # layer, and whether this is the row of its MLP


@dataclass(frozen=True)
class _NodePosition:
    x: int
    y: int
    r: float
    row: int


def circuit_drawing(circuit: Circuit, title: str, anchor: str) -> CircuitDrawing:
    """Lay out a circuit; the anchors of its nodes' cards start with `anchor`."""
    rows: dict[CircuitRow, list[CircuitNode]] = {}
    for node in circuit.nodes:
        rows.setdefault((node.layer, node.kind in ("mlp", "neuron")), []).append(node)
    width = max(MIN_WIDTH, LEFT + RIGHT + max(map(_row_width, rows.values()), default=0))
    height = TOP + ROW_HEIGHT * max(len(rows) - 1, 0) + BOTTOM
    positions, layers = {}, []
    for row, (key, nodes) in enumerate(sorted(rows.items())):
        y = height - BOTTOM - ROW_HEIGHT * row
        layers.append((y, f"L{key[0]}{' MLP' if key[1] else ''}"))
        spacing = (width - LEFT - RIGHT) / (len(nodes) + 1)
        aside = (-1) ** row * spacing * 0.15  # so that paths that skip a layer do not run through the middle of it
        for column, node in enumerate(nodes, 1):
            x = round(LEFT + spacing * column + aside)
            positions[node.node] = _NodePosition(x, y, _radius(node.effect), row)
    edges = [edge for edge in circuit.edges if edge.sender in positions and edge.receiver in {*positions, LOGITS}]
    order = {node.node: number for number, node in enumerate(circuit.nodes)}
    reachable = _reachable(order, edges)
    top = _NodePosition(width // 2, 20, 0.0, len(rows))
    return CircuitDrawing(
        anchor=anchor,
        title=title,
        description=_description(circuit),
        width=width,
        height=height,
        layers=tuple(layers),
        nodes=tuple(_node(node, positions[node.node], order, reachable) for node in circuit.nodes),
        edges=tuple(_edge(edge, positions, top, width, order, reachable) for edge in edges),
        logits=(top.x, top.y),
        prompt=(top.x, height - 6),
        n=circuit.n,
        omitted=circuit.omitted,
    )


def claim_state(claimed: bool, found: bool) -> tuple[str, str]:
    """Return the style of a node or a path, and its meaning in words."""
    return STATES[claimed, found]


def optional_estimate_text(estimate: Estimate | None) -> str:
    """Return an estimate with its interval, such as `0.56 [0.46, 0.65]`."""
    return "not measured" if estimate is None else numbers.estimate_text(estimate)


def _node(
    node: CircuitNode, position: _NodePosition, order: Mapping[str, int], reachable: Mapping[str, set[str]]
) -> NodeMark:
    css, words = claim_state(node.claimed, node.found)
    shape = {"head": "c", "neuron": "d"}.get(node.kind, "r")
    through = tuple(order[other] for other in order if node.node in reachable[other] or other in reachable[node.node])
    number = order[node.node]
    effect = optional_estimate_text(node.effect)
    return NodeMark(
        number, node.node, node.role, position.x, position.y, position.r, css, shape, words, effect, node.at, through
    )


def _edge(
    edge: CircuitEdge,
    positions: Mapping[str, _NodePosition],
    top: _NodePosition,
    width: int,
    order: Mapping[str, int],
    reachable: Mapping[str, set[str]],
) -> PathMark:
    css, words = claim_state(edge.claimed, edge.found)
    start, end = positions[edge.sender], positions.get(edge.receiver, top)
    if edge.receiver == LOGITS:
        aside = 0 if start.row + 1 == end.row else round((end.x - start.x) / 3)
        end = _NodePosition(start.x + aside, end.y + 2, 0.0, end.row)
    spread = INPUT_OFFSETS.get(edge.via, 0)
    passed = end.row - start.row - 1  # rows between
    bow = 0 if passed < 1 else (26 + 10 * passed) * (-1 if start.x < width / 2 else 1)
    x1, y1, x2, y2 = start.x, start.y - start.r, end.x + spread, end.y + end.r
    a = (_clamped(x1 + bow, width), y1 - 0.4 * (y1 - y2))
    b = (_clamped(x2 + bow + spread, width), y2 + 0.4 * (y1 - y2))
    curve = f"M{x1} {y1:.0f}C{a[0]:.0f} {a[1]:.0f} {b[0]:.0f} {b[1]:.0f} {x2} {y2:.0f}"
    above = reachable.get(edge.receiver, set())
    return PathMark(
        sender=edge.sender,
        receiver=edge.receiver,
        via=edge.via,
        curve=curve,
        letter=_curve_point((x1, y1), a, b, (x2, y2), 0.7),
        width=round(MIN_PATH_WIDTH + PATH_WIDTH_RANGE * _fraction(edge.effect), 1),
        state=css,
        words=words,
        effect=optional_estimate_text(edge.effect),
        traces=tuple(order[name] for name in order if edge.sender in reachable[name] or name in above),
    )


def _reachable(names: Iterable[str], edges: Iterable[CircuitEdge]) -> dict[str, set[str]]:
    """Map every node to the nodes that a path from it reaches, itself included."""
    onward: dict[str, set[str]] = {name: set() for name in names}
    for edge in edges:
        onward[edge.sender] |= {edge.receiver} & set(onward)
    reachable = {}
    for name in onward:
        seen, new = {name}, [name]
        while new:
            more = onward[new.pop()] - seen
            seen |= more
            new += more
        reachable[name] = seen
    return reachable


def _row_width(nodes: Sequence[CircuitNode]) -> int:
    """Return the width of a row in pixels: every name is beside its node and in front of the next."""
    letters = min(max(SHORT_NAME_LETTERS, *(len(node.node) for node in nodes)), MAX_NAME_LETTERS)
    return (MIN_NODE_SPACING + LETTER_WIDTH * (letters - SHORT_NAME_LETTERS)) * (1 + len(nodes))


def _radius(effect: Estimate | None) -> float:
    # the area is proportional to the fraction
    return round(MIN_RADIUS + RADIUS_RANGE * math.sqrt(_fraction(effect)), 1)


def _fraction(effect: Estimate | None) -> float:
    return 0.0 if effect is None or not math.isfinite(effect.value) else min(max(effect.value, 0.0), 1.0)


def _clamped(x: float, width: int) -> float:
    return min(max(x, 4.0), width - 4.0)


def _curve_point(
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
    return f"Nodes: {'; '.join(counts)}. Paths: {len(circuit.edges)}. All values are in the table below."


@dataclass(frozen=True)
class FaithfulnessChart:
    """The coordinates and texts of one curve, a line with its interval band; a table repeats every value."""

    WIDTH: ClassVar[int] = 340
    HEIGHT: ClassVar[int] = 180
    LEFT: ClassVar[int] = 34
    RIGHT: ClassVar[int] = 330
    TOP: ClassVar[int] = 10
    BOTTOM: ClassVar[int] = 150

    title: str
    name: str  # unique among the drawings of a page
    description: str
    caption: str
    line: str
    band: str
    dots: tuple[tuple[float, float, str], ...]  # x and y in pixels, text
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    one: float  # y in pixels of faithfulness 1, where a circuit does as well as the model
    rows: tuple[tuple[int, str], ...]


def faithfulness_chart(curve: Curve, of: str = "") -> FaithfulnessChart:
    """Lay out a curve; `of` names the behaviour and the model in the drawing's name."""
    among = curve.among.replace("_", " ")
    size_axis = Axis(0, max(curve.nodes, 1), FaithfulnessChart.LEFT, FaithfulnessChart.RIGHT)
    ends = [end for point in curve.points for end in (point.faithfulness.low, point.faithfulness.high)]
    faithfulness_axis = fit([0.0, 1.0, *ends], [], FaithfulnessChart.BOTTOM, FaithfulnessChart.TOP)
    xs = [size_axis.x(point.size) for point in curve.points]
    values = [point.faithfulness for point in curve.points]
    ys = {end: faithfulness_axis.xs([getattr(value, end) for value in values]) for end in ("value", "low", "high")}
    ends_of = zip(xs, ys["low"], ys["high"], values, strict=True)
    intervals = [(x, low, high) for x, low, high, value in ends_of if value.refusal is None]
    band_outline = [*((x, high) for x, _, high in intervals), *((x, low) for x, low, _ in reversed(intervals))]
    return FaithfulnessChart(
        title=f"Faithfulness of circuits among {among}, by size",
        name=f"Faithfulness of circuits among {among}{of}",
        description=f"From {numbers.value(values[0])} with {curve.points[0].size} of {curve.nodes} nodes to "
        f"{numbers.value(values[-1])} with {curve.points[-1].size}. All values are in the table below."
        if values
        else "No point was measured.",
        caption=f"Circuit performance ratio (CPR) {optional_estimate_text(curve.cpr)}, circuit-model distance (CMD) "
        f"{optional_estimate_text(curve.cmd)}; {curve.ablation} ablation of all other nodes; "
        f"{numbers.count(curve.cpr.n, 'prompt')}.",
        line=_path(list(zip(xs, ys["value"], strict=True))),
        band=_path(band_outline) + ("z" if band_outline else ""),
        dots=tuple(
            (x, y, f"{point.size} of {curve.nodes} nodes: {optional_estimate_text(point.faithfulness)}")
            for x, y, point in zip(xs, ys["value"], curve.points, strict=True)
        ),
        x_ticks=tuple(tick for tick in size_axis.ticks(6) if "." not in tick[1]),
        y_ticks=faithfulness_axis.ticks(4),
        one=faithfulness_axis.x(1.0),
        rows=tuple((point.size, optional_estimate_text(point.faithfulness)) for point in curve.points),
    )


def _path(points: list[tuple[float, float]]) -> str:
    return "".join(f"{'L' if index else 'M'}{x:g} {y:g}" for index, (x, y) in enumerate(points))
