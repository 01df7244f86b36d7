"""What is compared between an engine and the oracle: for each quantity, interventions of every kind that it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import Intervention, ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Kind, Node
from mi_checks.errors import MiChecksError
from tests.zoo.oracle import Floats, Oracle
from tests.zoo.run import Undefined

N_LAYERS = 3


@dataclass(frozen=True)
class Outcome:
    """What came of one quantity on one model.

    Attributes:
        error: the largest difference from the oracle, by the largest effect; None where it was refused.
        refusal: the message of the refusal, or None.
        undefined: why the oracle says that there is no such quantity, or None.
    """

    error: float | None = None
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
        yield noise(Node(layer, "head", 1), at="X")
        yield noise(Node(layer, "head", 0), Node(layer, "head", 2), at="Y")
        yield ablate(Node(layer, "head", layer), kind="zero", at="END")
        yield ablate(Node(layer, "head", 1), kind="mean", at=(None, 3, 5)[layer])
    yield denoise(Node(0, "head", 1), Node(2, "head", 0))


def parts(kind: Kind, sizes: Sizes) -> Iterator[Intervention]:
    """Yield interventions on queries, keys, values or patterns."""
    count = sizes.keys if kind in ("k", "v") else sizes.heads
    for layer in range(N_LAYERS):
        yield from (denoise(Node(layer, kind, index)) for index in {0, count - 1})
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
        for kind in ("attn", "mlp", "resid_pre", "resid_post"):
            yield denoise(Node(layer, kind))
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
    senders = [Node(0, "attn"), Node(0, "mlp"), Node(0, "neuron", 5), Node(1, "head", last_head)]
    for sender in senders if neurons else [senders[0], senders[1], senders[3]]:
        later = [receiver for receiver in receivers if receiver.layer != 1]
        yield from (noise(sender, into=(receiver,)) for receiver in later)
    if not parallel:
        yield denoise(Node(0, "head", 2), into=(Node(0, "mlp"),))
        yield noise(Node(2, "attn"), into=(Node(2, "mlp"),), at="Y")
    yield denoise(Node(0, "head", 0), into=(Node(1, "k", 0), Node(1, "mlp"), LOGITS), at="X")
    yield noise(Node(0, "head", 0), Node(0, "head", 3), into=(Node(2, "v", 0), Node(1, "v", 0)), at="Y")
    yield ablate(Node(1, "head", 2), kind="zero", into=(LOGITS,))
    yield ablate(Node(0, "head", 2), kind="mean", into=(Node(1, "q", 1), LOGITS))
    yield from (denoise(Node(2, "head", index), into=(LOGITS,)) for index in range(sizes.heads))


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
    """An engine beside the oracle, quantity by quantity."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle, self.sizes = oracle, Sizes.of(oracle)
        self.parallel = oracle.anatomy.layers[0].parallel
        self.neurons = all(layer.down is not None for layer in oracle.anatomy.layers)
        self._expected: dict[str, Floats | str] = {}

    @property
    def quantities(self) -> dict[str, Callable[[Engine], Outcome]]:
        """Quantity → what compares it."""
        sizes, parallel = self.sizes, self.parallel
        sets = {
            "z": heads(sizes),
            **{kind: parts(kind, sizes) for kind in ("q", "k", "v", "pattern")},
            "neurons": neurons(sizes),
            "layers": layers(sizes),
            "resid_mid": middle(sizes),
            "paths": paths(sizes, neurons=self.neurons, parallel=parallel),
            "hops": hops(sizes, parallel=parallel),
        }
        return {
            "logits": self._logits,
            "attention": self._attention,
            **{name: self._measuring(name, list(some)) for name, some in sets.items()},
            "attribution": self._attribution,
        }

    @property
    def scale(self) -> float:
        """The largest effect of a head, or of what differs between clean and corrupt, in logits."""
        gap = np.abs(self.oracle.base("clean") - self.oracle.base("corrupt")).max()
        z = self.expected("z", list(heads(self.sizes)))
        assert not isinstance(z, str)
        return float(max(gap, np.abs(z - self.oracle.base("corrupt"))[: self.sizes.heads].max()))

    def expected(self, name: str, interventions: list[Intervention]) -> Floats | str:
        """Return the oracle's logit differences, `intervention prompt`, or why there are none."""
        if name not in self._expected:
            try:
                self._expected[name] = np.stack([self.oracle.measure(one) for one in interventions])
            except Undefined as reason:
                self._expected[name] = str(reason)
        return self._expected[name]

    def _measuring(self, name: str, interventions: list[Intervention]) -> Callable[[Engine], Outcome]:
        def compare(engine: Engine) -> Outcome:
            expected = self.expected(name, interventions)
            undefined = expected if isinstance(expected, str) else None
            try:
                found = engine.measure(interventions)
            except MiChecksError as refusal:
                return Outcome(refusal=str(refusal), undefined=undefined)
            if undefined is not None:
                return Outcome(undefined=undefined)
            return Outcome(error=float(np.abs(found - expected).max()) / self.scale)

        return compare

    def _logits(self, engine: Engine) -> Outcome:
        """All logits at END, by the largest of them."""
        errors = []
        for side in ("clean", "corrupt"):
            logits = self.oracle.runs[side].logits[self.oracle.rows, self.oracle.end]
            found = engine.base_logits(side).double()[:, : logits.shape[-1]]
            errors.append(float((found - logits).abs().max() / logits.abs().max()))
        return Outcome(error=max(errors))

    def _attention(self, engine: Engine) -> Outcome:
        """Every head's pattern in the clean run."""
        errors = []
        for layer in range(N_LAYERS):
            patterns = self.oracle.runs["clean"].patterns[layer]
            for index in range(self.sizes.heads):
                try:
                    found = engine.attention(Node(layer, "head", index)).double()
                except MiChecksError as refusal:
                    return Outcome(refusal=str(refusal))
                difference = (found - patterns[:, index]).abs().amax(-1)
                errors.append(float(difference[self.oracle.places(None)].max()))
        return Outcome(error=max(errors))

    def _attribution(self, engine: Engine) -> Outcome:
        nodes, undefined, expected = attributed(self.sizes, neurons=self.neurons), None, np.empty(0)
        try:
            expected = np.stack([self.oracle.direct(node) for node in nodes])
        except Undefined as reason:
            undefined = str(reason)
        try:
            found: Any = engine.direct(nodes)
        except MiChecksError as refusal:
            return Outcome(refusal=str(refusal), undefined=undefined)
        if undefined is not None:
            return Outcome(undefined=undefined)
        return Outcome(error=float(np.abs(found - expected).max() / np.abs(expected).max()))
