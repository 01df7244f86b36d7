"""What is compared between an engine and the oracle: for each quantity, interventions of every kind that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import Intervention, Side, ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Kind, Node
from mi_checks.errors import MiChecksError
from tests.zoo.oracle import Floats, Oracle
from tests.zoo.run import Undefined

N_LAYERS = 3
SIDES: tuple[Side, Side] = ("clean", "corrupt")
QUANTITIES = (
    "logits", "attention", "z", "q", "k", "v", "pattern", "neurons", "layers", "resid_mid", "paths", "hops",
    "attribution",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What came of one quantity on one model.

    Attributes:
        error: the largest difference from the oracle, by the scale; None where it was refused.
        effect: the largest effect of what was measured, by the scale.
        refusal: the message of the refusal, or None.
        undefined: why the oracle says that there is no such quantity, or None.
    """

    error: float | None = None
    effect: float = 1.0
    refusal: str | None = None
    undefined: str | None = None


@dataclass(frozen=True)
class Sizes:
    """How many of each a model has, by its weights."""

    heads: int
    keys: int
    neurons: int

    @classmethod
    def of(cls, oracle: Oracle) -> Sizes:
        """Count them in the oracle's model; a mixture of experts has no neurons."""
        layers = oracle.anatomy.layers
        down = layers[-1].down
        width = 0 if down is None else (getattr(down, "in_features", None) or down.nx)
        return cls(len(layers[0].q.index), len(layers[0].k.index) or len(layers[0].v.index), width)


def heads(sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on z: every head, at every kind of place, by every kind of value."""
    for layer in range(N_LAYERS):
        yield from (denoise(Node(layer, "head", index)) for index in range(sizes.heads))
        yield noise(Node(layer, "head", 0), Node(layer, "head", 2), at=("X", "Y", "END")[layer])
        yield ablate(Node(layer, "head", layer), kind=("zero", "mean", "mean")[layer], at=("END", None, 5)[layer])
    yield denoise(Node(0, "head", 1), Node(2, "head", 0))


def parts(kind: Kind, sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on queries, keys, values or patterns."""
    count = sizes.keys if kind in ("k", "v") else sizes.heads
    for layer in range(N_LAYERS):
        yield denoise(Node(layer, kind, (count - 1, 0, count - 1)[layer]))
        yield noise(Node(layer, kind, count // 2), at=("X", "Y", 5)[layer])
    yield ablate(Node(1, kind, 0), kind="mean")
    if kind != "pattern":
        yield ablate(Node(1, kind, 0), kind="zero", at="Y")
        yield denoise(Node(0, kind, 0), Node(2, "head", 1))


def neurons(sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on neurons, the last of each layer among them; many at once, as one alone does little."""
    last = (sizes.neurons or 24) - 1
    for layer in range(N_LAYERS):
        yield denoise(*(Node(layer, "neuron", index) for index in (*range(0, last, 3), last)))
        yield noise(Node(layer, "neuron", last), at=("X", "Y", "END")[layer])
        yield ablate(Node(layer, "neuron", 3), kind=("zero", "mean", "zero")[layer])


def layers(_sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on what attention and MLPs add, and on the residual stream before and after layers."""
    for layer in range(N_LAYERS):
        yield denoise(Node(layer, "attn"))
        yield denoise(Node(layer, "mlp"))
        for kind in ("attn", "mlp", "resid_pre", "resid_post"):
            yield noise(Node(layer, kind), at=("Y", "X", 5)[layer])
        yield ablate(Node(layer, ("attn", "mlp", "attn")[layer]), kind=("zero", "zero", "mean")[layer])


def middle(_sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on the residual stream between attention and MLP."""
    for layer in range(N_LAYERS):
        yield denoise(Node(layer, "resid_mid"))
        yield noise(Node(layer, "resid_mid"), at=("Y", "X", 5)[layer])


def paths(sizes: Sizes, *, neurons: bool, parallel: bool) -> Iterator[Intervention]:
    """Yield path patchings of one hop, from every kind of sender into every kind of receiver."""
    last_key, last_head = sizes.keys - 1, sizes.heads - 1
    receivers = [
        Node(1, "q", 0), Node(1, "k", last_key), Node(1, "v", 0), Node(2, "q", last_head), Node(2, "k", 0),
        Node(2, "v", last_key), Node(1, "mlp"), Node(2, "mlp"), LOGITS,
    ]  # fmt: skip
    yield from (denoise(Node(0, "head", 1), into=(receiver,)) for receiver in receivers)
    later = [receiver for receiver in receivers if receiver.layer != 1]
    senders = [
        Node(0, "attn"),
        Node(0, "mlp"),
        Node(1, "head", last_head),
        *([Node(0, "neuron", 5)] if neurons else []),
    ]
    for number, sender in enumerate(senders):
        yield from (noise(sender, into=(receiver,)) for receiver in later[number % 2 :: 2])
    if not parallel:
        yield denoise(Node(0, "head", 2), into=(Node(0, "mlp"),))
        yield noise(Node(2, "attn"), into=(Node(2, "mlp"),), at="Y")
    yield denoise(Node(0, "head", 0), into=(Node(1, "k", 0), Node(1, "mlp"), LOGITS), at="X")
    yield noise(Node(0, "head", 0), Node(0, "head", 3), into=(Node(2, "v", 0), Node(1, "v", 0)), at="Y")
    yield ablate(Node(1, "head", 2), kind="zero", into=(LOGITS,))
    yield ablate(Node(0, "head", 2), kind="mean", into=(Node(1, "q", 1), LOGITS))
    yield denoise(Node(2, "head", 0), into=(LOGITS,))


def hops(sizes: Sizes, *, parallel: bool) -> Iterator[Intervention]:
    """Yield path patchings of two and three hops."""
    first, ends = Node(0, "head", 1), ((LOGITS,),)
    yield denoise(first, into=(Node(1, "v", 0),), onward=ends)
    yield noise(first, into=(Node(1, "k", sizes.keys - 1), Node(1, "q", 0)), onward=((LOGITS, Node(2, "mlp")),))
    yield denoise(first, into=(Node(1, "mlp"),), onward=ends)
    yield denoise(first, into=(Node(1, "v", 0),), onward=((Node(2, "v", 0),), (LOGITS,)))
    yield denoise(Node(0, "mlp"), into=(Node(1, "q", 1),), onward=((Node(2, "k", 0),),))
    if not parallel:
        yield noise(first, into=(Node(0, "mlp"),), onward=((Node(1, "mlp"),), (LOGITS,)))


def attributed(sizes: Sizes, *, neurons: bool) -> list[Node]:
    """Return nodes of every kind that writes to the residual stream, and the stream itself."""
    found = [Node(0, "resid_pre"), Node(1, "resid_pre"), Node(1, "resid_post"), Node(2, "resid_post")]
    for layer in range(N_LAYERS):
        found += [Node(layer, "attn"), Node(layer, "mlp")]
        found += [Node(layer, "head", index) for index in range(sizes.heads)]
        found += [Node(layer, "neuron", index) for index in (0, 5, sizes.neurons - 1)] if neurons else []
    return found


class Comparison:
    """An engine beside the oracle, quantity by quantity.

    Attributes:
        oracle: plain `transformers`.
        sizes: how many heads, keys and neurons the model has.
        interventions: quantity → what is measured of it.
    """

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.sizes = oracle, Sizes.of(oracle)
        self.neurons = all(layer.down is not None for layer in oracle.layers)
        sizes, parallel = self.sizes, oracle.layers[0].parallel
        self.interventions = {
            "z": list(heads(sizes)),
            **{kind: list(parts(kind, sizes)) for kind in ("q", "k", "v", "pattern")},
            "neurons": list(neurons(sizes)),
            "layers": list(layers(sizes)),
            "resid_mid": list(middle(sizes)),
            "paths": list(paths(sizes, neurons=self.neurons, parallel=parallel)),
            "hops": list(hops(sizes, parallel=parallel)),
        }
        self._expected: dict[str, Floats] = {}

    def outcome(self, quantity: str, engine: Engine) -> Outcome:
        """Compare one quantity; a refusal of the engine's and the oracle's are part of the outcome."""
        undefined, refusal, expected, found = None, None, None, None
        try:
            expected = self.expected(quantity)
        except Undefined as reason:
            undefined = str(reason)
        try:
            found = self._found(quantity, engine)
        except MiChecksError as error:
            refusal = str(error)
        if expected is None or found is None:
            return Outcome(refusal=refusal, undefined=undefined)
        scale, effect = self._scales(quantity, expected)
        return Outcome(error=float(np.abs(found - expected).max()) / scale, effect=effect / scale)

    def expected(self, quantity: str) -> Floats:
        """Return what the oracle says: logit differences `intervention prompt`, or what the quantity is.

        Raises:
            Undefined: there is no such quantity in this model.
        """
        if quantity not in self._expected:
            self._expected[quantity] = self._by_oracle(quantity)
        return self._expected[quantity]

    @cached_property
    def scale(self) -> float:
        """The largest effect of a head, or of all that differs between clean and corrupt, in logits."""
        corrupt = self.oracle.base("corrupt")
        effects = [self.oracle.base("clean") - corrupt]
        effects += [self.oracle.measure(one) - corrupt for one in self.interventions["z"][: self.sizes.heads]]
        return float(np.abs(effects).max())

    def _by_oracle(self, quantity: str) -> Floats:
        oracle = self.oracle
        match quantity:
            case "logits":
                runs = [oracle.runs[side].logits[oracle.rows, oracle.end] for side in SIDES]
                return torch.stack(runs).double().numpy()
            case "attention":
                real = oracle.places(None)[:, None, :, None]
                patterns = [torch.where(real, pattern, 0) for pattern in oracle.runs["clean"].patterns]
                return torch.cat(patterns, 1).double().numpy()
            case "attribution":
                return np.stack([oracle.direct(node) for node in attributed(self.sizes, neurons=self.neurons)])
        return np.stack([oracle.measure(one) for one in self.interventions[quantity]])

    def _found(self, quantity: str, engine: Engine) -> Floats:
        match quantity:
            case "logits":
                vocabulary = self.oracle.anatomy.unembed.weight.shape[0]
                found = [engine.unpatched_logits(side)[:, :vocabulary] for side in SIDES]
                return torch.stack(found).double().cpu().numpy()
            case "attention":
                nodes = [Node(layer, "head", head) for layer in range(N_LAYERS) for head in range(self.sizes.heads)]
                real = self.oracle.places(None)[:, :, None]
                return (
                    torch.stack([torch.where(real, engine.attention_by_position(node), 0) for node in nodes], 1)
                    .double()
                    .numpy()
                )
            case "attribution":
                return engine.measure(DirectEffects(tuple(attributed(self.sizes, neurons=self.neurons))))
        return engine.scores(self.interventions[quantity])

    def _scales(self, quantity: str, expected: Floats) -> tuple[float, float]:
        """Return what errors are divided by, and the largest effect, in the same unit."""
        if quantity in ("logits", "attention", "attribution"):
            largest = float(np.abs(expected).max())
            return largest, largest
        bases = np.stack([self.oracle.base(one.run) for one in self.interventions[quantity]])
        return self.scale, float(np.abs(expected - bases).max())
