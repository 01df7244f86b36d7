"""The base classes of the checks, and the bounds and scales of what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, TypedDict

from pydantic import ConfigDict, Field, Tag, model_validator

from mi_checks.spec.part import ONE_OR_SEVERAL, UNION_TAG, GrammarPart


class Sides(TypedDict):
    """Both sides of a bound, by their keys."""

    at_least: float | None
    at_most: float | None


class Bound(GrammarPart):
    """One or both ends of the range in which the whole confidence interval of the measured value must lie."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}]})

    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_side(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a bound needs 'at_least' or 'at_most'")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}, so no value could pass")
        return self

    def __str__(self) -> str:
        return bound_text(self.at_least, self.at_most)

    @property
    def sides(self) -> Sides:
        """Return both sides, by their keys."""
        return {"at_least": self.at_least, "at_most": self.at_most}


def bound_text(at_least: float | None, at_most: float | None) -> str:
    """Return a bound in words: `at least 0.5`, `at least 0.1 and at most 0.4`; "" without either side."""
    sides = [f"at least {at_least:g}"] if at_least is not None else []
    sides += [f"at most {at_most:g}"] if at_most is not None else []
    return " and ".join(sides)


@dataclass(frozen=True)
class Scale:
    """The range of a measured quantity, and its value for nodes that have no effect.

    Attributes:
        quantity: the quantity, as messages name it.
        low: its lowest possible value; None if there is none.
        high: its highest possible value; None if there is none.
        is_fraction: whether the quantity is a fraction of a whole, which may still be above 1 or below 0.
        value_without_effect: its value for nodes that have no effect, which a one-sided bound must exclude; None if it
            has no such value.
        effect_raises: whether an effect raises the quantity above `value_without_effect`; False if an effect lowers it.
    """

    quantity: str
    low: float | None = None
    high: float | None = None
    is_fraction: bool = False
    value_without_effect: float | None = None
    effect_raises: bool = True

    def problem_with(self, bound: Bound) -> str | None:
        """Return why a bound makes no sense for this quantity, or None if it can be claimed.

        A bound makes no sense if it lies outside the quantity's range, if every value satisfies it, or if nodes that
        have no effect satisfy it.
        """
        for value in (bound.at_least, bound.at_most):
            if value is not None and (self._below(value) or self._above(value)):
                percent = (
                    f"; did you mean {value / 100:g}?" if self.high == 1 and _MIN_PERCENTAGE <= value <= 100 else ""
                )
                return f"{self.quantity} is always {self._extent}, so a bound of {value:g} makes no sense{percent}"
            if value is not None and self.is_fraction and abs(value) >= _MIN_PERCENTAGE:
                return (
                    f"for {self.quantity}, 1 means the whole, so a bound of {value:g} makes no sense; "
                    f"did you mean {value / 100:g}?"
                )
        low_is_free = bound.at_least is None or bound.at_least == self.low
        high_is_free = bound.at_most is None or bound.at_most == self.high
        if low_is_free and high_is_free:
            return f"{self.quantity} is always {bound}, so this check could never fail"
        if self.value_without_effect is not None and self._holds_at_null(bound, self.value_without_effect):
            sides = ("above", "at_most") if self.effect_raises else ("below", "at_least")
            return (
                f"{self.quantity} is {self.value_without_effect:g} for nodes without effect, so they would pass "
                f"'{bound}'; claim a value {sides[0]} {self.value_without_effect:g}, or give {sides[1]!r} as well"
            )
        return None

    def _holds_at_null(self, bound: Bound, null: float) -> bool:
        if self.effect_raises:
            return bound.at_most is None and bound.at_least is not None and bound.at_least <= null
        return bound.at_least is None and bound.at_most is not None and bound.at_most >= null

    def _below(self, value: float) -> bool:
        return self.low is not None and value < self.low

    def _above(self, value: float) -> bool:
        return self.high is not None and value > self.high

    @property
    def _extent(self) -> str:
        return f"at least {self.low:g}" if self.high is None else f"between {self.low:g} and {self.high:g}"


_MIN_PERCENTAGE = 10  # a fraction with a bound this large was probably written as a percentage


NodeNames = Annotated[
    Annotated[str, Tag(UNION_TAG + "one")] | Annotated[tuple[str, ...], Tag(UNION_TAG + "several")],
    ONE_OR_SEVERAL,
]


class Check(GrammarPart):
    """The base class of the checks.

    Attributes:
        kind: the kind of check in ids, run.json and baselines, by which these know a check; it never changes.
        file_key: the key of the check in a behaviour file, if it is not the kind.
    """

    kind: ClassVar[str]
    file_key: ClassVar[str] = ""
    models: tuple[str, ...] | None = Field(None, description="claim this only for these models; otherwise for all")

    @classmethod
    def key(cls) -> str:
        """Return the key of the check in a behaviour file."""
        return cls.file_key or cls.kind

    @property
    def bound_key(self) -> str | None:
        """Return the key that holds the bound.

        It is None if the sides of the bound are keys of the check itself, or if the check has no bound.
        """
        return None

    @property
    def bound(self) -> Bound | None:
        """Return the bound on the measured value, or None if the check claims a set of nodes."""
        return None if self.bound_key is None else getattr(self, self.bound_key)

    @property
    def scale(self) -> Scale | None:
        """Return the scale of the measured quantity, against which the bound is validated, or None to skip that."""
        return None

    def bound_problem(self, bound: Bound) -> str | None:
        """Return why a bound makes no sense for this check, or None if it can be claimed."""
        return None if self.scale is None else self.scale.problem_with(bound)

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

    def with_bounds(self, bounds: Mapping[str, Bound]) -> Check:
        """Return the same claim with other bounds for its parts, by id.

        Raises:
            NotImplementedError: this kind of check has no bound.
        """
        if self.bound_key is None:
            raise NotImplementedError(f"{self.kind} has no bound")
        return self.model_copy(update={self.bound_key: bounds[self.id]})


class SidedCheck(Check, Bound):
    """A check whose bound is written as keys of the check itself: `at_least` and `at_most`."""

    @property
    def bound(self) -> Bound:
        """Return the two sides as a bound."""
        return Bound(at_least=self.at_least, at_most=self.at_most)

    def with_bounds(self, bounds: Mapping[str, Bound]) -> Check:
        """Return the same claim with other sides."""
        return self.model_copy(update=bounds[self.id].sides)


def names(nodes: NodeNames) -> tuple[str, ...]:
    """Return node names or node-set names, always as a tuple."""
    return (nodes,) if isinstance(nodes, str) else nodes


def id_text(nodes: NodeNames) -> str:
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
        return f"{self.kind}[{id_text(self.nodes)}]"
