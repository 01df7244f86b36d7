"""Checks of connections between nodes: path patching, composition, and direct logit attribution."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from mi_checks.spec.check import Bound, Check, NodeCheck, NodeNames, Scale, SidedCheck, id_text
from mi_checks.spec.edges import LOGITS_NAME, HeadInput
from mi_checks.spec.part import GrammarPart


class PathHop(GrammarPart):
    """A stop between the ends of a path: its nodes, and for heads the input through which the path enters them."""

    nodes: NodeNames
    via: HeadInput | None = Field(None, description="the input of heads; MLPs have one only")


class PathCheck(Check):
    """Path patching (Wang et al. 2022): the difference in what `from` writes reaches only `to`, through one input.

    With `through`, the path has intermediate nodes: the resulting difference in what each hop's receivers write reaches
    only the next hop. The fractions recovered and removed are defined as in `patching`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["recovers"]}, {"required": ["removes"]}],
            "not": {"required": ["via"], "properties": {"to": {"const": LOGITS_NAME}}},
        }
    )

    kind = "path"
    from_: NodeNames = Field(alias="from", description="the senders: heads, neurons, or the output of layers")
    to: NodeNames = Field(description="the receivers: heads (then `via`), MLP layers, or `logits`")
    via: HeadInput | None = Field(None, description="the input of the receiving heads")
    through: Annotated[tuple[PathHop, ...], Field(min_length=1)] = Field(
        (), description="stops between, in the order of the path"
    )
    at: str | None = Field(None, description="patch the senders only at this label's positions; otherwise at all")
    recovers: Bound | None = None
    removes: Bound | None = None

    @model_validator(mode="after")
    def _one_direction(self) -> Self:
        if (self.recovers is None) == (self.removes is None):
            raise ValueError("a path needs exactly one of 'recovers' (denoising) and 'removes' (noising)")
        return self

    @property
    def hops(self) -> tuple[PathHop, ...]:
        """Return the stops of the path, followed by its end."""
        return (*self.through, PathHop(nodes=self.to, via=self.via))

    @property
    def bound_key(self) -> str:
        """Return the claimed direction, which is the key of the bound."""
        return "recovers" if self.recovers else "removes"

    @property
    def scale(self) -> Scale:
        """Return the scale of a fraction of the effect size, which may be above 1 or below 0."""
        return Scale(f"the fraction that path patching {self.bound_key}", is_fraction=True, value_without_effect=0)

    @property
    def id(self) -> str:
        """Return the kind with the whole path, the position, and the direction if it is noising."""
        at = f"@{self.at}" if self.at else ""
        noising = ",noising" if self.removes else ""
        return f"path[{path_text(self.from_, self.hops)}{at}{noising}]"


class ComposesCheck(Check):
    """Composition of heads (Elhage et al. 2021): each head of `to` reads, by one input, what a head of `from` writes.

    `times_random`: the composition score of their weights as a multiple of that of random matrices; `writes`: the
    fraction of the norm of the input, at a label of the clean prompts, that `from` writes.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["times_random"], "not": {"anyOf": [{"required": ["writes"]}, {"required": ["at"]}]}},
                {"required": ["writes", "at"], "not": {"required": ["times_random"]}},
            ]
        }
    )

    kind = "composes"
    from_: NodeNames = Field(alias="from", description="the heads that write")
    to: NodeNames = Field(description="the heads that read")
    via: HeadInput
    at: str | None = Field(None, description="where the input is read, for `writes`; its last token")
    times_random: Bound | None = None
    writes: Bound | None = None

    @model_validator(mode="after")
    def _one_claim(self) -> Self:
        if (self.times_random is None) == (self.writes is None):
            raise ValueError("composes needs exactly one of 'times_random' (weights) and 'writes' (on the prompts)")
        if self.writes is not None and self.at is None:
            raise ValueError("'writes' needs 'at', the label at which the input is read")
        if self.times_random is not None and self.at is not None:
            raise ValueError("'at' has no meaning with 'times_random', which depends only on the weights; remove it")
        return self

    @property
    def bound_key(self) -> str:
        """Return the key of the one bound."""
        return "times_random" if self.times_random else "writes"

    @property
    def scale(self) -> Scale:
        """Return the scale of a ratio of norms."""
        if self.times_random:
            return Scale("a composition score relative to random matrices", low=0)
        return Scale("the fraction of an input's norm", low=0, is_fraction=True)

    @property
    def id(self) -> str:
        """Return the kind with both ends, the input and the position."""
        at = f"@{self.at}" if self.at else ""
        return f"composes[{path_text(self.from_, (PathHop(nodes=self.to, via=self.via),))}{at}]"


class DirectLogitAttributionCheck(NodeCheck, SidedCheck):
    """Direct logit attribution: what the nodes together write into the clean logit difference at END, in logits.

    The scale of the final norm is frozen at its value in the clean run.
    """

    kind = "attribution"  # as in recorded results; see docs/decisions/the-kind-of-a-check-never-changes.md
    file_key = "direct_logit_attribution"


def path_text(start: NodeNames, hops: tuple[PathHop, ...]) -> str:
    """Return a path as ids spell it: `previous_token->induction.k->logits`."""
    stops = [id_text(hop.nodes) + (f".{hop.via}" if hop.via else "") for hop in hops]
    return "->".join([id_text(start), *stops])
