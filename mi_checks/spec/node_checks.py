"""Checks about named nodes: patching, ablation, attention, and the set of mediators."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from mi_checks.spec.check import Bound, Check, NodeCheck, NodeNames, Scale, SidedCheck, id_text


class PatchingCheck(NodeCheck):
    """Activation patching of the nodes together: denoising (`recovers`) or noising (`removes`).

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
    def bound_key(self) -> str:
        """Return the claimed direction, which is the key of the bound."""
        return "recovers" if self.recovers else "removes"

    @property
    def scale(self) -> Scale:
        """Return the scale of a fraction of the effect size, which may be above 1 or below 0."""
        return Scale(f"the fraction that patching {self.bound_key}", value_without_effect=0)

    @property
    def id(self) -> str:
        """Return the kind with the nodes, the position, and the direction if it is noising."""
        at = f"@{self.at}" if self.at else ""
        noising = ",noising" if self.removes else ""
        return f"patching[{id_text(self.nodes)}{at}{noising}]"


class AblationCheck(NodeCheck):
    """Ablation of the nodes together in the clean run: the fraction of the effect size (clean − corrupt) removed."""

    kind = "ablation"
    at: str | None = None
    with_: Literal["zero", "mean", "resample"] = Field("mean", alias="with")
    removes: Bound

    @property
    def bound_key(self) -> str:
        """Return the key of the bound on the fraction removed."""
        return "removes"

    @property
    def bound(self) -> Bound:
        """Return the bound on the fraction removed."""
        return self.removes

    @property
    def scale(self) -> Scale:
        """Return the scale of a fraction of the effect size, which may be above 1 or below 0."""
        return Scale("the fraction that ablation removes", value_without_effect=0)

    @property
    def id(self) -> str:
        """Return the kind with the nodes, the position and the kind of ablation."""
        at = f"@{self.at}" if self.at else ""
        return f"ablation[{id_text(self.nodes)}{at},{self.with_}]"


class AttentionCheck(NodeCheck, SidedCheck):
    """Mean attention of the heads from the last token of one label to another label, summed over its tokens."""

    kind = "attention"
    from_: str = Field(alias="from")
    to: str

    @property
    def scale(self) -> Scale:
        """Return the scale of a probability."""
        return Scale("attention", low=0, high=1)

    @property
    def id(self) -> str:
        """Return the kind with the heads and the two labels."""
        return f"attention[{id_text(self.nodes)},{self.from_}->{self.to}]"


class MediatorsCheck(Check):
    """The mediators: the single nodes of a component, among all of them, that recover more than `above` when denoised.

    The tests of all nodes are corrected together by Holm's method.
    """

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
        """Return the claimed set, from `exactly` or `include`."""
        claimed = self.exactly if self.exactly is not None else self.include
        return () if claimed is None else claimed

    @property
    def id(self) -> str:
        """Return the kind with the component and the position that are swept."""
        at = f"@{self.at}" if self.at else ""
        return f"mediators[{self.component}{at}]"
