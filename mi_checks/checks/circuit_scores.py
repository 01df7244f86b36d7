"""The scores of circuits, with all other nodes of a universe ablated in the clean run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.patching import refuse_unequal_lengths
from mi_checks.engine.interventions import AblationKind, Intervention, ablate
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.output.numbers import first_names, precise
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.visible import visible
from mi_checks.spec.circuit_checks import Among
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME, Estimate, Parts
from mi_checks.stats.floor import Floats, RoundingFloor
from mi_checks.stats.interval_cache import IntervalCache
from mi_checks.stats.intervals import NoEffectSize, mean_interval, ratio_interval, ratio_parts, require_effect_size
from mi_checks.stats.sampling import SamplingDesign

MAX_NAMED_TEXTS = 3  # answers, and foils


class CircuitScores:
    """The circuits of one behaviour on one model. Nodes outside the universe are never ablated.

    Attributes:
        universe: all heads and, among `heads_and_mlps`, all MLP layers.
    """

    def __init__(self, measured: Measurements, among: Among = "heads", kind: AblationKind = "mean") -> None:
        """Begin with nothing measured.

        Raises:
            MiChecksError: the ablation takes other prompts' activations, and not all prompts are equally long.
        """
        refuse_unequal_lengths(measured, kind, None)
        self._measured = measured
        self._kind = kind
        shape = measured.loaded_model.shape
        heads = all_nodes("head", shape)
        mlps = among == "heads_and_mlps" and shape.has_mlps
        self.universe: tuple[Node, ...] = (
            *heads,
            *(Node(layer, "mlp") for layer in range(shape.n_layers) if mlps),
        )

    def scores(self, circuits: Sequence[Collection[Node]], title: str = "circuits") -> Floats:
        """Return m(C), the score with all other nodes ablated, `circuit prompt`."""
        return self._measured.logit_diffs([self._without(self._rest(each)) for each in circuits], title)

    def knocked_out(self, sets: Sequence[Collection[Node]], title: str = "knock-outs") -> Floats:
        """Return m(M∖K), the score with only these nodes ablated, `set prompt`."""
        return self._measured.logit_diffs([self._without(each) for each in sets], title)

    @property
    def whole(self) -> Floats:
        """Return m(M), the score of the whole model, `prompt`."""
        clean: Floats = self._measured.unpatched.clean.logit_diff
        return clean

    @property
    def nothing(self) -> Floats:
        """Return m(∅), the score with everything ablated, `prompt`."""
        empty: Floats = self.scores([()])[0]
        return empty

    @property
    def span(self) -> Floats:
        """Return m(M) − m(∅), the denominator of faithfulness, `prompt`."""
        return self.whole - self.nothing

    @property
    def floor(self) -> RoundingFloor:
        """Return the size of a difference of two scores that rounding alone may produce."""
        return self._measured.floor

    def require_span(self, prompts: slice = slice(None)) -> None:
        """Raise if ablating everything does not lower the score.

        Args:
            prompts: the prompts over which the fraction is taken.

        Raises:
            NoEffectSize: m(M) − m(∅) is not above zero or not above rounding error; says why, with a remedy.
        """
        require_span(self.span, self._measured, self._kind, self._everything, self._by_zero, prompts)

    def faithfulness(self, circuit: Collection[Node]) -> Estimate:
        """Return f(C) = (m(C) − m(∅))/(m(M) − m(∅)), a ratio of means (Wang et al. 2022; Mueller et al. 2025).

        Raises:
            NoEffectSize: as `require_span`.
        """
        self.require_span()
        return self.fraction(self.scores([circuit])[0] - self.nothing)

    def fraction(self, numerators: Floats) -> Estimate:
        """Return the fraction of m(M) − m(∅) with its interval, from its numerators, `prompt`.

        Raises:
            NoEffectSize: m(M) − m(∅) is not significantly above zero.
        """
        return ratio_interval(numerators, self.span, self.design, CIRCUIT_EFFECT_NAME, self.floor, self.cache)

    @property
    def design(self) -> SamplingDesign:
        """Return how the prompts were drawn."""
        return self._measured.design

    @property
    def _everything(self) -> str:
        return "all heads and MLP layers" if any(node.kind == "mlp" for node in self.universe) else "all heads"

    def _by_zero(self) -> Floats:
        """Return m(M) − m(∅) under zero ablation, `prompt`."""
        return self.whole - self._measured.logit_diff(ablate(*sorted(self.universe), kind="zero"))

    @property
    def cache(self) -> IntervalCache:
        """Return the cache of confidence intervals."""
        return self._measured.intervals

    @property
    def unit(self) -> str:
        """Return the unit of the score."""
        return score_unit(self._measured.batch.score)

    def parts(self, numerators: Floats) -> Parts:
        """Return the numerator and the denominator of a fraction of m(M) − m(∅), from its numerators, `prompt`."""
        return ratio_parts(numerators, self.span, self.unit, self.design, CIRCUIT_EFFECT_NAME, self.cache)

    def _rest(self, circuit: Collection[Node]) -> Iterable[Node]:
        return (node for node in self.universe if node not in circuit)

    def _without(self, nodes: Iterable[Node]) -> Intervention:
        return ablate(*sorted(nodes), kind=self._kind)  # sorted: one set is one intervention


REVERSED_PAIRS_EXAMPLE = 'rows of a variable, values: [{answer: " a", foil: " b"}, {answer: " b", foil: " a"}]'


def require_span(
    span: Floats,
    measured: Measurements,
    kind: AblationKind,
    what: str,
    by_zero: Callable[[], Floats],
    prompts: slice = slice(None),
) -> None:
    """Raise if ablating everything does not lower the score; say why, and what would.

    Args:
        span: m(M) − m(∅) under this ablation, `prompt`.
        measured: the behaviour on the model.
        kind: how everything is ablated.
        what: the name of everything: `all heads`.
        by_zero: measures m(M) − m(∅) under zero ablation, `prompt`; called only if the span is not above zero.
        prompts: the prompts over which the fraction is taken.

    Raises:
        NoEffectSize: the span is not above zero, or not above rounding error.
    """
    floor, design = measured.floor.select(prompts), measured.design.select(prompts)
    try:
        require_effect_size(span[prompts], design, CIRCUIT_EFFECT_NAME, floor)
    except NoEffectSize as error:
        if kind == "zero" or (error.whole.refusal is not None and error.rounding is None):
            raise
        zero = by_zero()[prompts]
        causes = tuple(_reasons(span[prompts], zero, measured, floor, design, kind, what))
        raise NoEffectSize(error.of, error.whole, error.rounding, causes) from None


def _reasons(
    span: Floats,
    by_zero: Floats,
    measured: Measurements,
    floor: RoundingFloor,
    design: SamplingDesign,
    kind: AblationKind,
    what: str,
) -> list[str]:
    unit = floor.unit
    taken = mean_interval(by_zero, unit, design)
    shown = f"{precise(taken)} {unit}"
    try:
        require_effect_size(by_zero, design, CIRCUIT_EFFECT_NAME, floor)
    except NoEffectSize:
        return [f"zero ablation of {what} does not lower the score either ({shown})"]
    remedy = f"zero ablation of {what} lowers the score by {shown}: claim the circuit 'with: zero'"
    only = _one_direction(measured.batch)
    if only is None or mean_interval(span, unit, design).high < -floor.mean:
        return [remedy]
    return [
        f"{_REPLACEMENTS[kind]}; since the behaviour has one direction only ({only}), that output carries it, too",
        f"{remedy}, or reverse answer and foil in half of the pairs ({REVERSED_PAIRS_EXAMPLE})",
    ]


_REPLACEMENTS = {
    "mean": "mean ablation replaces outputs by their mean over the prompts",
    "resample": "resample ablation replaces outputs by those on another prompt",
}


def _one_direction(batch: PromptBatch) -> str | None:
    """Return a clause if no pair's answer is the foil of another pair; None if one is."""
    answers = dict.fromkeys(visible(text) for pair in batch.pairs for text in pair.answers)
    foils = dict.fromkeys(visible(text) for pair in batch.pairs for text in pair.foils)
    if answers.keys() & foils.keys():
        return None
    shown = [first_names(list(texts), MAX_NAMED_TEXTS) for texts in (answers, foils)]
    return f"answers are {shown[0]}, foils are {shown[1]}, never the reverse"
