"""Checks about named nodes: what patching or ablating them does, where heads look, which nodes of all mediate."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mi_checks.spec.bound import Bound, Scale
from mi_checks.spec.check import Check, NodeCheck, NodeNames, SidedCheck, joined


class Patching(NodeCheck):
    """Denoising (`recovers`) or noising (`removes`) the nodes together.

    recovers = (patched − corrupt)/(clean − corrupt); removes = (clean − patched)/(clean − corrupt); ratios of means.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["recovers"]}, {"required": ["removes"]}]})

    kind = "patching"
    at: str | None = Field(None, description="patch only at this label's positions; otherwise at all")
    recovers: Bound | None = None
    removes: Bound | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if (self.recovers is None) == (self.removes is None):
            raise ValueError("patching needs exactly one of 'recovers' (denoising) and 'removes' (noising)")
        return self

    @property
    def bounded(self) -> str:
        """The direction claimed."""
        return "recovers" if self.recovers else "removes"

    @property
    def scale(self) -> Scale:
        """Return that of a fraction, which may be more than all and less than nothing."""
        return Scale(f"what patching {self.bounded}", null=0)

    @property
    def id(self) -> str:
        """With the position and the direction as well."""
        at = f"@{self.at}" if self.at else ""
        noising = ",noising" if self.removes else ""
        return f"patching[{joined(self.nodes)}{at}{noising}]"


class Ablation(NodeCheck):
    """What ablating the nodes together takes from the clean logit difference, as a share of clean − corrupt."""

    kind = "ablation"
    at: str | None = None
    with_: Literal["zero", "mean", "resample"] = Field("mean", alias="with")
    removes: Bound

    @property
    def bounded(self) -> str:
        """The share that ablation takes away."""
        return "removes"

    @property
    def bound(self) -> Bound:
        """On that share."""
        return self.removes

    @property
    def scale(self) -> Scale:
        """Return that of a fraction, which may be more than all and less than nothing."""
        return Scale("what ablation removes", null=0)

    @property
    def id(self) -> str:
        """With the position and the kind of ablation as well."""
        at = f"@{self.at}" if self.at else ""
        return f"ablation[{joined(self.nodes)}{at},{self.with_}]"


class Attention(NodeCheck, SidedCheck):
    """Mean attention of the heads from one label (its last token) to another (summed over its tokens)."""

    kind = "attention"
    from_: str = Field(alias="from")
    to: str

    @property
    def scale(self) -> Scale:
        """Return that of a probability."""
        return Scale("attention", low=0, high=1)

    @property
    def id(self) -> str:
        """With the two labels as well."""
        return f"attention[{joined(self.nodes)},{self.from_}->{self.to}]"


class Mediators(Check):
    """Which single nodes, among all of a component, recover more than `above` when denoised. Holm-corrected."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["exactly"]}, {"required": ["include"]}]})

    kind = "mediators"
    component: Literal["head", "q", "k", "v", "pattern", "neuron"]
    above: float = Field(gt=0, lt=1)
    exactly: NodeNames | None = Field(None, description="these and no others")
    include: NodeNames | None = Field(None, description="at least these")
    layers: tuple[int, ...] | None = Field(None, min_length=1, description="sweep only these layers; -1 is the last")
    at: str | None = None

    @model_validator(mode="after")
    def _one_claim(self) -> Self:
        if (self.exactly is None) == (self.include is None):
            raise ValueError("mediators needs exactly one of 'exactly' and 'include'")
        return self

    @property
    def nodes(self) -> NodeNames:
        """The claimed set, whichever way it is claimed."""
        claimed = self.exactly if self.exactly is not None else self.include
        return () if claimed is None else claimed

    @property
    def id(self) -> str:
        """With the component and the position swept."""
        at = f"@{self.at}" if self.at else ""
        return f"mediators[{self.component}{at}]"
