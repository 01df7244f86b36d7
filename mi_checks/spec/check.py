"""What every kind of check has, and how nodes stand in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, Tag

from mi_checks.spec.bound import Bound, Scale
from mi_checks.spec.part import ONE_OR_SEVERAL, TAG, Part

NodeNames = Annotated[
    Annotated[str, Tag(TAG + "one")] | Annotated[tuple[str, ...], Tag(TAG + "several")],
    ONE_OR_SEVERAL,
]


class Check(Part):
    """Base of the checks. `kind` is the key it stands under in the file."""

    kind: ClassVar[str]
    models: tuple[str, ...] | None = Field(None, description="claim this only for these models; otherwise for all")

    @property
    def bounded(self) -> str | None:
        """The key under which the bound stands; None where its sides stand in the check itself, or it has none."""
        return None

    @property
    def bound(self) -> Bound | None:
        """The bound on the measured value, or None for a claim about a set."""
        return None if self.bounded is None else getattr(self, self.bounded)

    @property
    def scale(self) -> Scale | None:
        """What values can be measured, where that is worth holding the bound against."""
        return None

    def senseless(self, bound: Bound) -> str | None:
        """Why no value could be held to a bound, or every value is within it; None where it can be claimed."""
        return None if self.scale is None else self.scale.refuses(bound)

    @property
    def id(self) -> str:
        """The last part of the pytest node id."""
        return self.kind

    @property
    def parts(self) -> tuple[Check, ...]:
        """The checks, each with an id and a verdict of its own, that one entry of a file comes to: itself as a rule."""
        return (self,)

    def held_to(self, bounds: Mapping[str, Bound]) -> Check:
        """The same claim with the bounds that are given, by id, for its parts."""
        if self.bounded is None:
            raise NotImplementedError(f"{self.kind} has no bound")
        return self.model_copy(update={self.bounded: bounds[self.id]})


class SidedCheck(Check, Bound):
    """A check that has the sides of its bound in itself, beside what else it says."""

    @property
    def bound(self) -> Bound:
        """The sides alone."""
        return Bound(at_least=self.at_least, at_most=self.at_most)

    def held_to(self, bounds: Mapping[str, Bound]) -> Check:
        """Other sides."""
        return self.model_copy(update=bounds[self.id].sides)


def names(nodes: NodeNames) -> tuple[str, ...]:
    """Node names or node-set names, always as a tuple."""
    return (nodes,) if isinstance(nodes, str) else nodes


def joined(nodes: NodeNames) -> str:
    """An expression as it stands in an id, which has no spaces."""
    return "+".join(names(nodes)).replace(" ", "_")


class NodeCheck(Check):
    """A check about named nodes."""

    nodes: NodeNames = Field(
        description="nodes such as L1H6, L1H6.k, L0N12, L1.mlp; roles; node-set names bound under `models`; or groups "
        "such as `all heads`, `layer 0 heads`, `all heads except induction`"
    )

    @property
    def id(self) -> str:
        """With the nodes, which tell checks of one kind apart."""
        return f"{self.kind}[{joined(self.nodes)}]"
