"""The base classes of the checks, and the spelling of the nodes that a check names."""

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
    """The base class of the checks. `kind` is the key of the check in the file."""

    kind: ClassVar[str]
    models: tuple[str, ...] | None = Field(None, description="claim this only for these models; otherwise for all")

    @property
    def bounded(self) -> str | None:
        """Return the key that holds the bound.

        It is None if the sides of the bound are keys of the check itself, or if the check has no bound.
        """
        return None

    @property
    def bound(self) -> Bound | None:
        """Return the bound on the measured value, or None if the check claims a set of nodes."""
        return None if self.bounded is None else getattr(self, self.bounded)

    @property
    def scale(self) -> Scale | None:
        """Return the scale of the measured quantity, against which the bound is validated, or None to skip that."""
        return None

    def senseless(self, bound: Bound) -> str | None:
        """Return why a bound makes no sense for this check, or None if it can be claimed."""
        return None if self.scale is None else self.scale.refuses(bound)

    @property
    def id(self) -> str:
        """Return the last part of the pytest node id."""
        return self.kind

    @property
    def parts(self) -> tuple[Check, ...]:
        """Return the checks that this entry of the file stands for, each with its own id and verdict.

        Most entries stand for one check: themselves.
        """
        return (self,)

    def held_to(self, bounds: Mapping[str, Bound]) -> Check:
        """Return the same claim with other bounds for its parts, by id.

        Raises:
            NotImplementedError: this kind of check has no bound.
        """
        if self.bounded is None:
            raise NotImplementedError(f"{self.kind} has no bound")
        return self.model_copy(update={self.bounded: bounds[self.id]})


class SidedCheck(Check, Bound):
    """A check whose bound is written as keys of the check itself: `at_least` and `at_most`."""

    @property
    def bound(self) -> Bound:
        """Return the two sides as a bound."""
        return Bound(at_least=self.at_least, at_most=self.at_most)

    def held_to(self, bounds: Mapping[str, Bound]) -> Check:
        """Return the same claim with other sides."""
        return self.model_copy(update=bounds[self.id].sides)


def names(nodes: NodeNames) -> tuple[str, ...]:
    """Return node names or node-set names, always as a tuple."""
    return (nodes,) if isinstance(nodes, str) else nodes


def joined(nodes: NodeNames) -> str:
    """Return an expression as ids spell it, without spaces."""
    return "+".join(names(nodes)).replace(" ", "_")


class NodeCheck(Check):
    """A check about named nodes."""

    nodes: NodeNames = Field(
        description="nodes such as L1H6, L1H6.k, L0N12, L1.mlp; roles; node-set names bound under `models`; or groups "
        "such as `all heads`, `layer 0 heads`, `all heads except induction`"
    )

    @property
    def id(self) -> str:
        """Return the kind with the nodes, which distinguish checks of one kind."""
        return f"{self.kind}[{joined(self.nodes)}]"
