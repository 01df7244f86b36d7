"""What every kind of check has, and how nodes stand in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, Tag

from mi_checks.spec.bound import Bound
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
    def bound(self) -> Bound | None:
        """The bound on the measured value, or None for a claim about a set."""
        return None

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
        raise NotImplementedError(f"{self.kind} has no bound")


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
