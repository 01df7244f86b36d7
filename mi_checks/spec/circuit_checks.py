"""Checks of a whole circuit: nodes, or edges, that carry the behaviour with everything else ablated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check, NodeNames, joined
from mi_checks.spec.edges import SPELLING, parse_edge

Among = Literal["heads", "heads_and_mlps"]
NEGLIGIBLE = 0.01  # of m(M) − m(∅): what `minimal: true` asks every node to matter more than


class _Aspects(Check):
    """A check whose entry claims one or several things, each of which is a check of its own with a bound of its own."""

    aspects: ClassVar[tuple[str, ...]]
    with_: Literal["mean", "zero", "resample"] = Field("mean", alias="with", description="how the rest is ablated")

    @property
    def claimed(self) -> tuple[str, ...]:
        """The aspects that the entry claims something of."""
        return tuple(name for name in self.aspects if getattr(self, name) is not None)

    @property
    def aspect(self) -> str:
        """Of a part: the one thing it claims."""
        return self.claimed[0]

    @property
    def parts(self) -> tuple[Check, ...]:
        """One check for each aspect."""
        nothing = dict.fromkeys(self.aspects)
        return tuple(self.model_copy(update={**nothing, name: getattr(self, name)}) for name in self.claimed)

    @property
    def bound(self) -> Bound | None:
        """Of a part: on its one aspect."""
        bound: Bound | Literal[True] = getattr(self, self.aspect)
        return Bound(at_least=NEGLIGIBLE) if bound is True else bound

    def held_to(self, bounds: Mapping[str, Bound]) -> Check:
        """Other bounds for the aspects whose ids are given."""
        new = {part.aspect: bounds[part.id] for part in self.parts if part.id in bounds and isinstance(part, _Aspects)}
        return self.model_copy(update=new)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.claimed:
            raise ValueError(f"{self.kind} claims nothing; add one or several of {', '.join(self.aspects)}")
        return self


CIRCUIT_ASPECTS = ("faithfulness", "completeness", "sufficient", "necessary", "minimal")


class Circuit(_Aspects):
    """A circuit C in the model M, all else ablated in the clean run; m is the mean score.

    `faithfulness`: (m(C) − m(∅))/(m(M) − m(∅)); `completeness`: the mean |f(C∖K) − f(M∖K)| over knock-outs K inside C;
    `minimal`: by how much every node's removal changes f, alone or once another is out; `sufficient`: the share of
    random circuits of its size that it is more faithful than; `necessary`: the share whose ablation takes less away.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in CIRCUIT_ASPECTS]})

    kind = "circuit"
    aspects = CIRCUIT_ASPECTS
    nodes: NodeNames | None = Field(None, description="heads, and MLP layers such as L0.mlp; not beside `edges`")
    edges: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(None, description=SPELLING)
    among: Among = Field("heads", description="what is ablated outside the circuit; `heads` leaves MLPs as they are")
    faithfulness: Bound | None = None
    completeness: Bound | None = None
    sufficient: Bound | None = None
    necessary: Bound | None = None
    minimal: Bound | Literal[True] | None = Field(None, description="true: at least 0.01")

    @model_validator(mode="after")
    def _nodes_or_edges(self) -> Self:
        if (self.nodes is None) == (self.edges is None):
            raise ValueError("a circuit is given by its 'nodes' or by its 'edges'")
        for edge in self.edges or ():
            if parse_edge(edge) is None:
                raise ValueError(f"{edge!r} is not an edge; {SPELLING}")
        others = [name for name in self.claimed if name not in ("faithfulness", "minimal")]
        if self.edges is not None and others:
            raise ValueError(f"{others[0]} is of a circuit given by its nodes; of edges, claim faithfulness or minimal")
        return self

    @property
    def id(self) -> str:
        """With the nodes, or how many edges, and the one aspect of a part."""
        what = f"{len(self.edges)}_edges" if self.nodes is None and self.edges else joined(self.nodes or ())
        ablated = "" if self.with_ == "mean" else f",{self.with_}"
        return f"circuit[{what},{','.join(self.claimed)}{ablated}]"


class Curve(_Aspects):
    """Faithfulness over circuits of every size, nodes added by what they recover alone (Mueller et al. 2025, MIB).

    `cpr` = ∫ f and `cmd` = ∫ |1 − f| over the share of nodes in the circuit. The order is found on one half of the
    prompts, the curve measured on the other.
    """

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["cpr"]}, {"required": ["cmd"]}]})

    kind = "curve"
    aspects = ("cpr", "cmd")
    among: Among = "heads"
    cpr: Bound | None = None
    cmd: Bound | None = None

    @property
    def id(self) -> str:
        """With what is ablated and the one aspect of a part."""
        ablated = "" if self.with_ == "mean" else f",{self.with_}"
        return f"curve[{self.among},{','.join(self.claimed)}{ablated}]"
