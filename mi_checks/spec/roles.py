"""Roles: portable names for nodes, bound for each model by a score on probe prompts that no check uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mi_checks.spec.check import Bound, Check, Scale
from mi_checks.spec.part import GrammarPart

ROLE_SCORES = ("previous_token", "duplicate_token", "induction", "copying", "name_mover")
ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # those that depend on attention alone
LOCK_FILE_NAME = "roles.lock.yaml"  # beside the behaviours; records the nodes to which roles are bound


class Role(GrammarPart):
    """The nodes of a model whose score is high enough."""

    component: Literal["head", "neuron"] = "head"
    score: str = Field(description=f"{', '.join(ROLE_SCORES)}, or one that a conftest.py adds")
    at_least: float = Field(allow_inf_nan=False, description="the score that a node needs")
    most: int | None = Field(None, ge=1, description="at most this many nodes, those with the highest scores")


class RoleCheck(Check):
    """The claim that a role is bound to the nodes in the lock file.

    It is not an entry of `checks`: every role has one.
    """

    kind = "role"
    name: str
    role: Role

    @property
    def id(self) -> str:
        """Return the kind with the role's name."""
        return f"role[{self.name}]"

    @property
    def bound(self) -> Bound:
        """Return the lowest score that a node needs; a model may override it."""
        return Bound(at_least=self.role.at_least)

    @property
    def scale(self) -> Scale | None:
        """Return the scale of a built-in score, or None for a project's own score."""
        if self.role.score not in ROLE_SCORES:
            return None
        return Scale(f"the role score {self.role.score}", low=-1 if self.role.score == "copying" else 0, high=1)

    def bound_problem(self, bound: Bound) -> str | None:
        """Return why a bound makes no sense: a role needs a lower bound on the score, and no upper one."""
        if bound.at_least is None or bound.at_most is not None:
            return "a role takes only 'at_least', the score that a node needs"
        return super().bound_problem(bound)

    def with_bounds(self, bounds: Mapping[str, Bound]) -> RoleCheck:
        """Return the same role with another lowest score."""
        return self.model_copy(update={"role": self.role.model_copy(update={"at_least": bounds[self.id].at_least})})
