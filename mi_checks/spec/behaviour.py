"""The grammar of a behaviour file, as pydantic models from which the JSON Schema is generated."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, SkipValidation, StringConstraints, Tag, model_validator

from mi_checks.spec.behaviour_checks import ABSENT, AccuracyCheck, LogitDiffCheck
from mi_checks.spec.check import Bound, Check, NodeNames
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.node_checks import AblationCheck, AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.part import UNION_TAG, GrammarPart, plain_or_mapping_tag
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck
from mi_checks.spec.problems import Keys
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.spec.scoring import Scoring, Text, Texts, as_texts
from mi_checks.spec.variables import AdjustedVariable, AnyVariable, Identifier

MAX_NAME_CHARACTERS = 100  # names become parts of file names
BehaviourName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=MAX_NAME_CHARACTERS)]
CaseName = Annotated[Identifier, StringConstraints(max_length=MAX_NAME_CHARACTERS)]


class Prompts(Scoring):
    """The template and variables of the clean and corrupt prompts, with the answers and foils that continue them."""

    count: int = Field(64, ge=2, le=100_000, description="prompt pairs")
    seed: int = Field(0, ge=0)
    variables: dict[Identifier, AnyVariable]
    template: str = Field(min_length=1, description="Jinja2; {{ x | at('label') }} names the position of x's tokens")
    corrupt: dict[str, str] = Field(
        min_length=1,
        description=(
            "variable (or variable.field) → what replaces it in the corrupt prompt; all replacements happen at once"
        ),
    )
    answer: Texts = Field(description="the continuation of the clean prompt: one text, or several")
    foils: tuple[Text, ...] = Field(min_length=1, description="the continuations to which the answer must be preferred")

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the answers' templates as a tuple, even if there is only one."""
        return as_texts(self.answer)

    @property
    def pairs(self) -> int:
        """Return the number of prompt pairs that the file requests."""
        return self.count


def prompts_tag(prompts: Any) -> str:
    """Return the union tag that tells quoted prompts from prompts made from a template."""
    quoted = isinstance(prompts, QuotedPrompts) or (isinstance(prompts, dict) and "quotes" in prompts)
    return UNION_TAG + ("quotes" if quoted else "template")


AnyPrompts = Annotated[
    Annotated[Prompts, Tag(UNION_TAG + "template")] | Annotated[QuotedPrompts, Tag(UNION_TAG + "quotes")],
    Discriminator(prompts_tag),
]


# fmt: off
CHECK_KINDS: tuple[type[Check], ...] = (
    LogitDiffCheck, AccuracyCheck, PatchingCheck, AblationCheck, AttentionCheck, MediatorsCheck,
    PathCheck, ComposesCheck, DirectLogitAttributionCheck, CircuitCheck, CurveCheck,
)
# fmt: on
CHECKS_BY_KEY = {check.key(): check for check in CHECK_KINDS}
BEHAVIOUR_KINDS = ("logit_diff", "accuracy")  # the behavioural checks: whether the model shows the behaviour


class CheckEntry(GrammarPart):
    """An entry of `checks:`, which is a mapping with a single key."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    logit_diff: LogitDiffCheck | None = None
    accuracy: AccuracyCheck | None = None
    patching: PatchingCheck | None = None
    ablation: AblationCheck | None = None
    attention: AttentionCheck | None = None
    mediators: MediatorsCheck | None = None
    path: PathCheck | None = None
    composes: ComposesCheck | None = None
    direct_logit_attribution: DirectLogitAttributionCheck | None = None
    circuit: CircuitCheck | None = None
    curve: CurveCheck | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError(f"an entry of 'checks' is one of {', '.join(CHECKS_BY_KEY)}")
        return self

    @property
    def check(self) -> Check:
        """Return the check that this entry holds."""
        check: Check = getattr(self, next(iter(self.model_fields_set)))
        return check


class ModelEntry(GrammarPart):
    """The settings for one model: its node sets, its number of pairs, its checks, and its own bounds by check id."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Bound]

    nodes: dict[Identifier, NodeNames] = Field({}, description="node-set names → this model's nodes")
    checks: tuple[str, ...] | None = Field(
        None, min_length=1, description="claim only these checks, by id, for this model; otherwise all"
    )
    count: int | None = Field(None, ge=2, le=100_000, description="prompt pairs on this model, instead of `prompts`'")
    inconclusive: tuple[str, ...] = Field(
        (), description="checks, by id, that are known to be inconclusive on this model; one that passes is a failure"
    )

    @property
    def bounds(self) -> dict[str, Bound]:
        """Return the bounds that replace the checks' own bounds on this model, by check id."""
        return dict(self.__pydantic_extra__ or {})


class AbsentEntry(GrammarPart):
    """The entry of a model that is declared absent, although the prompts cannot show it: `{absent: inconclusive}`."""

    absent: Literal["inconclusive"] = Field(
        description="the absence is known to be inconclusive on this model; a pass is a failure"
    )


def model_entry_tag(entry: Any) -> str:
    """Return the union tag that tells settings, `absent` and `{absent: inconclusive}` apart."""
    if isinstance(entry, AbsentEntry) or (isinstance(entry, dict) and ABSENT in entry):
        return UNION_TAG + ABSENT
    return plain_or_mapping_tag(entry)


AnyModelEntry = Annotated[
    Annotated[ModelEntry, Tag(UNION_TAG + "mapping")]
    | Annotated[AbsentEntry, Tag(UNION_TAG + ABSENT)]
    | Annotated[Literal["absent"], Tag(UNION_TAG + "plain")],
    Discriminator(model_entry_tag),
]


class Case(GrammarPart):
    """A row of the table `cases`: whatever differs from the file."""

    summary: str | None = Field(None, min_length=1)
    variables: dict[Identifier, SkipValidation[AnyVariable | AdjustedVariable]] = Field(
        {}, description="variables that replace the file's, or, without a source of values, only the keys that differ"
    )
    bounds: dict[str, Bound] = Field({}, description="check id → the bound that replaces the check's own")
    models: dict[str, SkipValidation[AnyModelEntry]] = Field(
        {}, description="entries that replace the file's, or new ones"
    )


class Behaviour(GrammarPart):
    """A claim about language models: what they prefer on prompts of a kind, and which nodes mediate that preference."""

    name: BehaviourName
    extends: str | None = Field(
        None, description="the parent file, whose keys this file inherits unless it has them itself"
    )
    summary: str = Field(min_length=1)
    source: str | None = None
    marks: tuple[Identifier, ...] = Field((), description="pytest marks, for -m")
    prompts: AnyPrompts
    roles: dict[Identifier, Role] = Field({}, description="portable names for nodes, bound by score for each model")
    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    models: dict[str, AnyModelEntry] = Field(
        min_length=1, description="model → its settings, or `absent` if the model must not show the behaviour"
    )
    cases: dict[CaseName, Case] | None = Field(
        None,
        min_length=1,
        description="a table of behaviours: name → what differs from the file; each is called NAME[case]",
    )

    @property
    def role_checks(self) -> tuple[RoleCheck, ...]:
        """Return one check for each role."""
        return tuple(RoleCheck(name=name, role=role) for name, role in self.roles.items())

    def is_absent(self, model: str) -> bool:
        """Return whether the file declares the behaviour absent from a model."""
        entry = self.models.get(model)
        return entry == ABSENT or isinstance(entry, AbsentEntry)

    def inconclusive_place(self, check: Check, model: str) -> Keys | None:
        """Return where the file declares a check inconclusive on a model, as a path in the file; None if nowhere."""
        entry = self.models.get(model)
        if isinstance(entry, AbsentEntry) and check.id == ABSENT:
            return ("models", model, ABSENT)
        if isinstance(entry, ModelEntry) and check.id in entry.inconclusive:
            return ("models", model, "inconclusive", entry.inconclusive.index(check.id))
        return None

    def checks_for(self, model: str) -> tuple[Check, ...]:
        """Return the checks claimed for a model that is not declared absent, without the checks of roles."""
        return tuple(part for entry in self.checks for part in entry.check.parts if self.claims(part, model))

    def pairs_for(self, model: str) -> int | None:
        """Return the number of prompt pairs that a model's entry requests, or None if it requests none."""
        entry = self.models.get(model)
        return entry.count if isinstance(entry, ModelEntry) else None

    def claims(self, check: Check, model: str) -> bool:
        """Return whether a check is claimed for a model.

        It is claimed unless the check's `models` leave out the model, or the model's `checks` leave out the check.
        """
        entry = self.models.get(model)
        only = entry.checks if isinstance(entry, ModelEntry) else None
        return (check.models is None or model in check.models) and (only is None or check.id in only)

    def bound_for(self, check: Check, model: str) -> Bound | None:
        """Return a check's bound on a model: the model's own bound if its entry gives one."""
        entry = self.models.get(model)
        own: dict[str, Bound] = entry.bounds if isinstance(entry, ModelEntry) else {}
        return own.get(check.id, check.bound)

    def sets_for(self, model: str) -> dict[str, NodeNames]:
        """Return the node sets that a model's entry defines, by name."""
        entry = self.models.get(model)
        return entry.nodes if isinstance(entry, ModelEntry) else {}
