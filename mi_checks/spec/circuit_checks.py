"""Checks of a whole circuit: nodes or edges that sustain the behaviour while everything else is ablated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, Tag, model_validator
from pydantic.config import JsonDict

from mi_checks.spec.check import Bound, Check, NodeNames, Scale, id_text
from mi_checks.spec.edges import EDGE_SYNTAX, EdgeText, parse_edge
from mi_checks.spec.part import PLAIN_OR_MAPPING, UNION_TAG
from mi_checks.spec.problems import describe

Among = Literal["heads", "heads_and_mlps"]


def _require_true(value: object) -> object:
    if value is not True:
        raise ValueError(f"write true or a bound, not {describe(value)}; to claim nothing, remove the key")
    return value


BoundOrTrue = Annotated[
    Annotated[Bound, Tag(UNION_TAG + "mapping")]
    | Annotated[Literal[True], BeforeValidator(_require_true), Tag(UNION_TAG + "plain")],
    PLAIN_OR_MAPPING,
]
# The fraction of m(M) − m(∅) by which removing any node must change the score for `minimal: true`.
DEFAULT_MINIMAL_BOUND = 0.01


class _AspectsCheck(Check):
    """A check of circuits. An entry claims one or several aspects, and each is a check with its own id and bound."""

    aspects: ClassVar[Mapping[str, Scale]]
    with_: Literal["mean", "zero", "resample"] = Field("mean", alias="with", description="how the rest is ablated")
    among: Among = Field("heads", description="what is ablated outside the circuit; `heads` leaves MLPs as they are")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.claimed:
            raise ValueError(f"this {self.kind} check claims nothing; add at least one of {', '.join(self.aspects)}")
        return self

    @property
    def claimed(self) -> tuple[str, ...]:
        """Return the names of the aspects that the entry claims."""
        return tuple(name for name in self.aspects if getattr(self, name) is not None)

    @property
    def aspect(self) -> str:
        """Return the one aspect that a part claims."""
        return self.claimed[0]

    @property
    def parts(self) -> tuple[Self, ...]:
        """Return one check for each claimed aspect."""
        nothing = dict.fromkeys(self.aspects)
        return tuple(self.model_copy(update={**nothing, name: getattr(self, name)}) for name in self.claimed)

    @property
    def bound_key(self) -> str:
        """Return the key of the bound of a part: the name of its one aspect."""
        return self.aspect

    @property
    def scale(self) -> Scale:
        """Return the scale of a part's one aspect."""
        return self.aspects[self.aspect]

    def with_bounds(self, bounds: Mapping[str, Bound]) -> Check:
        """Return the same claim with other bounds for the aspects whose ids are in `bounds`."""
        return self.model_copy(update={part.aspect: bounds[part.id] for part in self.parts if part.id in bounds})

    def _id(self, what: str) -> str:
        ablated = "" if self.with_ == "mean" else f",{self.with_}"
        return f"{self.kind}[{what},{','.join(self.claimed)}{ablated}]"


_CIRCUIT_SCALES = {
    "faithfulness": Scale("faithfulness", is_fraction=True, value_without_effect=0),
    "completeness": Scale("completeness", low=0, is_fraction=True, value_without_effect=1, effect_raises=False),
    "sufficient": Scale("the fraction of random circuits", low=0, high=1),
    "necessary": Scale("the fraction of random circuits", low=0, high=1),
    "minimal": Scale("the change when a node is removed", low=0, is_fraction=True),
}
_EDGE_ASPECTS = ("faithfulness", "minimal")
_NODE_ONLY_ASPECTS = tuple(name for name in _CIRCUIT_SCALES if name not in _EDGE_ASPECTS)


def _any_of(*keys: str) -> JsonDict:
    return {"anyOf": [{"required": [key]} for key in keys]}


class CircuitCheck(_AspectsCheck):
    """A circuit C in the model M, with everything else ablated in the clean run; m is the mean score.

    `faithfulness`: (m(C) − m(∅))/(m(M) − m(∅)); `completeness`: the mean |f(C∖K) − f(M∖K)| over knock-outs K inside C;
    `minimal`: by how much the removal of every node changes f, alone or after another node; `sufficient`: the fraction
    of random circuits of the same size that are less faithful; `necessary`: the fraction of them whose ablation removes
    less.
    """

    model_config = ConfigDict(
        json_schema_extra={
            **_any_of(*_CIRCUIT_SCALES),
            "oneOf": [{"required": ["nodes"]}, {"required": ["edges"]}],
            "dependencies": {"edges": {"not": _any_of(*_NODE_ONLY_ASPECTS)}},
        }
    )

    kind = "circuit"
    aspects = _CIRCUIT_SCALES
    nodes: NodeNames | None = Field(None, description="heads, and MLP layers such as L0.mlp; not beside `edges`")
    edges: Annotated[tuple[EdgeText, ...], Field(min_length=1)] | None = Field(None, description=EDGE_SYNTAX)
    faithfulness: Bound | None = None
    completeness: Bound | None = None
    sufficient: Bound | None = None
    necessary: Bound | None = None
    minimal: BoundOrTrue | None = Field(None, description=f"true: at least {DEFAULT_MINIMAL_BOUND}")

    @model_validator(mode="after")
    def _nodes_or_edges(self) -> Self:
        if (self.nodes is None) == (self.edges is None):
            raise ValueError("a circuit needs exactly one of 'nodes' and 'edges'")
        others = [name for name in self.claimed if name in _NODE_ONLY_ASPECTS]
        if self.edges is not None and others:
            raise ValueError(
                f"{others[0]!r} is defined only for a circuit given by 'nodes'; "
                f"with 'edges', claim {' or '.join(_EDGE_ASPECTS)}"
            )
        return self

    @property
    def bound(self) -> Bound | None:
        """Return the bound on the one aspect of a part."""
        return (
            Bound(at_least=DEFAULT_MINIMAL_BOUND)
            if self.aspect == "minimal" and self.minimal is True
            else super().bound
        )

    @property
    def id(self) -> str:
        """Return the kind with the nodes or the edges, the claimed aspects, and the ablation unless it is `mean`."""
        edges = [str(parse_edge(edge) or edge) for edge in self.edges or ()]
        return self._id("+".join(edges).replace(" -> ", "->").replace(" ", "_") if edges else id_text(self.nodes or ()))


class CurveCheck(_AspectsCheck):
    """Faithfulness over circuits of every size, with nodes added by what they recover alone (Mueller et al. 2025, MIB).

    `cpr` = ∫ f and `cmd` = ∫ |1 − f| over the fraction of nodes in the circuit. One half of the prompts determines the
    order of the nodes, and the curve is measured on the other half.
    """

    model_config = ConfigDict(json_schema_extra=_any_of("cpr", "cmd"))

    kind = "curve"
    aspects = {  # noqa: RUF012
        "cpr": Scale("cpr", is_fraction=True, value_without_effect=0),
        "cmd": Scale("cmd", low=0, is_fraction=True, value_without_effect=1, effect_raises=False),
    }
    cpr: Bound | None = None
    cmd: Bound | None = None

    @property
    def id(self) -> str:
        """Return the kind with the swept components, the claimed aspects, and the ablation unless it is `mean`."""
        return self._id(self.among)
