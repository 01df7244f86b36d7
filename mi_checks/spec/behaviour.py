"""What a behaviour file may say. These models are the grammar: the JSON Schema is generated from them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, SkipValidation, StringConstraints, Tag, model_validator

from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check, NodeNames
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.part import PLAIN_OR_MAPPING, TAG, Part
from mi_checks.spec.path_checks import Attribution, Composes, Path
from mi_checks.spec.preference_checks import Accuracy, LogitDiff
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.spec.scoring import Scoring, Text, Texts, texts
from mi_checks.spec.variables import AdjustedVariable, AnyVariable, Identifier

MAX_NAME = 100  # characters: files are called by it
BehaviourName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=MAX_NAME)]
CaseName = Annotated[Identifier, StringConstraints(max_length=MAX_NAME)]


class Prompts(Scoring):
    """How clean and corrupt prompts are made, and what continues them."""

    count: int = Field(64, ge=2, le=100_000, description="prompt pairs")
    seed: int = Field(0, ge=0)
    variables: dict[Identifier, AnyVariable]
    template: str = Field(min_length=1, description="Jinja2; {{ x | at('label') }} names the position of x's tokens")
    corrupt: dict[str, str] = Field(
        min_length=1,
        description="variable (or variable.field) → what stands in its place in the corrupt prompt, all at once",
    )
    answer: Texts = Field(description="what the clean prompt is continued with: one text, or several")
    foils: tuple[Text, ...] = Field(min_length=1, description="what it must be preferred to")

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers' templates, also where there is one."""
        return texts(self.answer)

    @property
    def pairs(self) -> int:
        """How many pairs are asked for."""
        return self.count


def prompts_kind(prompts: Any) -> str:
    """The tag of prompts that are quoted or made from a template."""
    quoted = isinstance(prompts, QuotedPrompts) or (isinstance(prompts, dict) and "quotes" in prompts)
    return TAG + ("quotes" if quoted else "template")


AnyPrompts = Annotated[
    Annotated[Prompts, Tag(TAG + "template")] | Annotated[QuotedPrompts, Tag(TAG + "quotes")],
    Discriminator(prompts_kind),
]


KINDS: tuple[type[Check], ...] = (
    LogitDiff, Accuracy, Patching, Ablation, Attention, Mediators, Path, Composes, Attribution, Circuit, Curve,
)  # fmt: skip
CHECKS = {check.kind: check for check in KINDS}
BEHAVIOURAL = ("logit_diff", "accuracy")  # the checks that say whether the behaviour is there at all


class CheckEntry(Part):
    """One entry of `checks:`, a mapping with a single key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    logit_diff: LogitDiff | None = None
    accuracy: Accuracy | None = None
    patching: Patching | None = None
    ablation: Ablation | None = None
    attention: Attention | None = None
    mediators: Mediators | None = None
    path: Path | None = None
    composes: Composes | None = None
    attribution: Attribution | None = None
    circuit: Circuit | None = None
    curve: Curve | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError(f"an entry of 'checks' is one of {', '.join(CHECKS)}")
        return self

    @property
    def check(self) -> Check:
        """The check this entry holds."""
        found: Check = getattr(self, next(iter(self.model_fields_set)))
        return found


class ModelEntry(Part):
    """What is particular to one model: node sets bound to names, and other bounds, by check id."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Bound]

    nodes: dict[Identifier, NodeNames] = Field({}, description="node-set names → this model's nodes")
    count: int | None = Field(None, ge=2, le=100_000, description="prompt pairs on this model, instead of `prompts`'")
    checks: tuple[str, ...] | None = Field(
        None, min_length=1, description="claim only these checks, by id, for this model; otherwise all"
    )

    @property
    def bounds(self) -> dict[str, Bound]:
        """Check id → the bound that replaces the check's own on this model."""
        return dict(self.__pydantic_extra__ or {})


AnyModelEntry = Annotated[
    Annotated[ModelEntry, Tag(TAG + "mapping")] | Annotated[Literal["absent"], Tag(TAG + "plain")],
    PLAIN_OR_MAPPING,
]


class Case(Part):
    """One row of the table of `cases`: what is otherwise than in the file itself."""

    summary: str | None = Field(None, min_length=1)
    variables: dict[Identifier, SkipValidation[AnyVariable | AdjustedVariable]] = Field(
        {}, description="variables in place of the file's, or without a source the keys of one that differ"
    )
    bounds: dict[str, Bound] = Field({}, description="check id → the bound in place of the check's own")
    models: dict[str, SkipValidation[AnyModelEntry]] = Field({}, description="entries in place of the file's, or new")


class Behaviour(Part):
    """A claim about language models: what they prefer on prompts like these, and which nodes carry it."""

    name: BehaviourName
    extends: str | None = Field(
        None, description="a file beside this one whose keys hold here too, but for those that stand here as well"
    )
    summary: str = Field(min_length=1)
    source: str | None = None
    marks: tuple[Identifier, ...] = Field((), description="pytest marks, for -m")
    prompts: AnyPrompts
    roles: dict[Identifier, Role] = Field({}, description="portable names for nodes, bound by score for each model")
    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    models: dict[str, AnyModelEntry] = Field(
        min_length=1, description="model → its particulars, or `absent` where the behaviour must not show"
    )
    cases: dict[CaseName, Case] | None = Field(
        None, min_length=1, description="a table of behaviours: name → what is otherwise in it; its name is NAME[case]"
    )

    @property
    def role_checks(self) -> tuple[RoleCheck, ...]:
        """One for each role."""
        return tuple(RoleCheck(name=name, role=role) for name, role in self.roles.items())

    def checks_for(self, model: str) -> tuple[Check, ...]:
        """The checks claimed for a model on which the behaviour is declared present, its roles aside."""
        return tuple(part for entry in self.checks for part in entry.check.parts if self.claims(part, model))

    def pairs_for(self, model: str) -> int | None:
        """How many prompt pairs are asked for on a model, where its entry says so."""
        entry = self.models.get(model)
        return entry.count if isinstance(entry, ModelEntry) else None

    def claims(self, check: Check, model: str) -> bool:
        """Whether a check is claimed for a model: neither the check nor the model's entry leaves the other out."""
        entry = self.models.get(model)
        only = entry.checks if isinstance(entry, ModelEntry) else None
        return (check.models is None or model in check.models) and (only is None or check.id in only)

    def bound_for(self, check: Check, model: str) -> Bound | None:
        """A check's bound on a model: the model's own where it gives one."""
        entry = self.models.get(model)
        own: dict[str, Bound] = entry.bounds if isinstance(entry, ModelEntry) else {}
        return own.get(check.id, check.bound)

    def sets_for(self, model: str) -> dict[str, NodeNames]:
        """The node sets that a model binds."""
        entry = self.models.get(model)
        return entry.nodes if isinstance(entry, ModelEntry) else {}
