"""What circuits score: the mean score when all else of a universe of nodes is ablated in the clean run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mi_checks.checks.ablation import refuse_unequal_lengths
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.span import require_span
from mi_checks.engine.interventions import AblationKind, Intervention, ablate
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.readout import Floats
from mi_checks.spec.circuit_checks import Among
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.bootstrap import IntervalCache
from mi_checks.stats.estimate import WHOLE_EFFECT, Estimate, Parts
from mi_checks.stats.floor import RoundingFloor
from mi_checks.stats.intervals import ratio_interval, ratio_parts


class Circuits:
    """Circuits of one behaviour on one model, made of the nodes of a universe. What is outside it is never ablated.

    Attributes:
        universe: all heads, and with `heads_and_mlps` the layers' MLPs.
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
        """m(C): the score with all else ablated, `circuit prompt`."""
        return self._measured.logit_diffs([self._without(self._rest(each)) for each in circuits], title)

    def knocked_out(self, sets: Sequence[Collection[Node]], title: str = "knock-outs") -> Floats:
        """m(M∖K): the score with these alone ablated, `set prompt`."""
        return self._measured.logit_diffs([self._without(each) for each in sets], title)

    @property
    def whole(self) -> Floats:
        """m(M), `prompt`."""
        clean: Floats = self._measured.unpatched.clean.logit_diff
        return clean

    @property
    def nothing(self) -> Floats:
        """m(∅), `prompt`."""
        empty: Floats = self.scores([()])[0]
        return empty

    @property
    def span(self) -> Floats:
        """m(M) − m(∅), `prompt`: what there is to be faithful to."""
        return self.whole - self.nothing

    @property
    def floor(self) -> RoundingFloor:
        """What rounding may make of a difference of two scores."""
        return self._measured.floor

    def require_span(self, prompts: slice = slice(None)) -> None:
        """Raise if ablating everything takes nothing away from the score of the model.

        Args:
            prompts: those of which a share is taken.

        Raises:
            NoEffectSize: m(M) − m(∅) is not above zero, or not above rounding error; with the reason and a remedy.
        """
        require_span(self.span, self._measured, self._kind, self._everything, self._by_zero, prompts)

    def faithfulness(self, circuit: Collection[Node]) -> Estimate:
        """Return f(C) = (m(C) − m(∅))/(m(M) − m(∅)), a ratio of means (Wang et al. 2022; Mueller et al. 2025).

        Raises:
            NoEffectSize: as `require_span`.
        """
        self.require_span()
        return ratio_interval(self.scores([circuit])[0] - self.nothing, self.span, WHOLE_EFFECT, self.floor, self.cache)

    @property
    def _everything(self) -> str:
        return "all heads and MLP layers" if any(node.kind == "mlp" for node in self.universe) else "all heads"

    def _by_zero(self) -> Floats:
        """m(M) − m(∅) under zero ablation, `prompt`."""
        return self.whole - self._measured.logit_diff(ablate(*sorted(self.universe), kind="zero"))

    @property
    def cache(self) -> IntervalCache:
        """The intervals that were worked out."""
        return self._measured.intervals

    @property
    def unit(self) -> str:
        """What the score is counted in."""
        return score_unit(self._measured.batch.score)

    def parts(self, kept: Floats) -> Parts:
        """Return the numerator and the denominator of a fraction of m(M) − m(∅), from the numerators, `prompt`."""
        return ratio_parts(kept, self.span, self.unit, WHOLE_EFFECT, self.cache)

    def _rest(self, circuit: Collection[Node]) -> Iterable[Node]:
        return (node for node in self.universe if node not in circuit)

    def _without(self, nodes: Iterable[Node]) -> Intervention:
        return ablate(*sorted(nodes), kind=self._kind)  # sorted: one set is one intervention
