"""What a behaviour file may say. These models are the grammar: the JSON Schema is generated from them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, SkipValidation, StringConstraints, Tag, model_validator

from mi_checks.spec.part import ONE_OR_SEVERAL, PLAIN_OR_MAPPING, TAG, Part
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.scoring import Scoring, Text, Texts, texts
from mi_checks.spec.variables import AdjustedVariable, AnyVariable, Identifier

BehaviourName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Bound(Part):
    """One or both sides of an interval that the measured value must lie in, whole confidence interval and all."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["at_least"]}, {"required": ["at_most"]}]})

    at_least: float | None = Field(None, allow_inf_nan=False)
    at_most: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _some_side(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a bound needs 'at_least' or 'at_most'")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least {self.at_least:g} is above at_most {self.at_most:g}: nothing could pass")
        return self

    def __str__(self) -> str:
        sides = [f"at least {self.at_least:g}"] if self.at_least is not None else []
        sides += [f"at most {self.at_most:g}"] if self.at_most is not None else []
        return " and ".join(sides)


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


def names(nodes: NodeNames) -> tuple[str, ...]:
    """Node names or node-set names, always as a tuple."""
    return (nodes,) if isinstance(nodes, str) else nodes


class _Preference(Check, Bound):
    """What the two checks of the preference itself have in common: the bound stands in the check, beside its rival."""

    against: str

    @property
    def bound(self) -> Bound:
        """The sides written in the check itself."""
        return Bound(at_least=self.at_least, at_most=self.at_most)

    @property
    def id(self) -> str:
        """With the rival, unless it is the usual one."""
        return self.kind if self.against == "foils" else f"{self.kind}[{self.against}]"


class LogitDiff(_Preference):
    """Mean over prompts of logit(answer) − mean logit(foils) on the clean prompts.

    Against `corrupt`, what the same difference is on the corrupt prompt is taken off, which leaves the tokens' own
    frequencies out.
    """

    kind = "logit_diff"
    against: Literal["foils", "corrupt"] = "foils"


class Accuracy(_Preference):
    """Share of prompts on which the answer wins.

    Against `foils` or the whole `vocabulary`: its logit on the clean prompt is above all of theirs. Against `corrupt`:
    the logit difference is higher on the clean prompt than on the corrupt one, which leaves the tokens' own frequencies
    out.
    """

    kind = "accuracy"
    against: Literal["foils", "vocabulary", "corrupt"] = "foils"


class NodeCheck(Check):
    """A check about named nodes."""

    nodes: NodeNames = Field(
        description="nodes such as L1H6, L1H6.k, L0N12, L1.mlp, or node-set names bound under `models`"
    )

    @property
    def id(self) -> str:
        """With the nodes, which tell checks of one kind apart."""
        return f"{self.kind}[{'+'.join(names(self.nodes))}]"


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
    def bound(self) -> Bound | None:
        """That of the direction claimed."""
        return self.recovers or self.removes

    @property
    def id(self) -> str:
        """With the position and the direction as well."""
        at = f"@{self.at}" if self.at else ""
        noising = ",noising" if self.removes else ""
        return f"patching[{'+'.join(names(self.nodes))}{at}{noising}]"


class Ablation(NodeCheck):
    """What ablating the nodes together takes from the clean logit difference, as a share of clean − corrupt."""

    kind = "ablation"
    at: str | None = None
    with_: Literal["zero", "mean", "resample"] = Field("mean", alias="with")
    removes: Bound

    @property
    def bound(self) -> Bound:
        """On the share that ablation takes away."""
        return self.removes

    @property
    def id(self) -> str:
        """With the position and the kind of ablation as well."""
        at = f"@{self.at}" if self.at else ""
        return f"ablation[{'+'.join(names(self.nodes))}{at},{self.with_}]"


class Attention(NodeCheck, Bound):
    """Mean attention of the heads from one label (its last token) to another (summed over its tokens)."""

    kind = "attention"
    from_: str = Field(alias="from")
    to: str

    @property
    def bound(self) -> Bound:
        """The sides written in the check itself."""
        return Bound(at_least=self.at_least, at_most=self.at_most)

    @property
    def id(self) -> str:
        """With the two labels as well."""
        return f"attention[{'+'.join(names(self.nodes))},{self.from_}->{self.to}]"


class Mediators(Check):
    """Which single nodes, among all of a component, recover more than `above` when denoised. Holm-corrected."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["exactly"]}, {"required": ["include"]}]})

    kind = "mediators"
    component: Literal["head", "q", "k", "v", "pattern", "neuron"]
    above: float = Field(gt=0, lt=1)
    exactly: NodeNames | None = Field(None, description="these and no others")
    include: NodeNames | None = Field(None, description="at least these")
    layers: tuple[int, ...] | None = Field(None, description="sweep only these layers; -1 is the last")
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


CHECKS: dict[str, type[Check]] = {
    check.kind: check for check in (LogitDiff, Accuracy, Patching, Ablation, Attention, Mediators)
}
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
    checks: tuple[CheckEntry, ...] = Field(min_length=1)
    models: dict[str, AnyModelEntry] = Field(
        min_length=1, description="model → its particulars, or `absent` where the behaviour must not show"
    )
    cases: dict[Identifier, Case] | None = Field(
        None, min_length=1, description="a table of behaviours: name → what is otherwise in it; its name is NAME[case]"
    )

    def checks_for(self, model: str) -> tuple[Check, ...]:
        """The checks claimed for a model on which the behaviour is declared present."""
        return tuple(entry.check for entry in self.checks if self.claims(entry.check, model))

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

    def nodes_for(self, expression: NodeNames, model: str) -> tuple[str, ...]:
        """Node names of an expression on a model, node-set names replaced by what the model binds to them."""
        entry: Any = self.models.get(model)
        sets: dict[str, NodeNames] = entry.nodes if isinstance(entry, ModelEntry) else {}
        return tuple(node for name in names(expression) for node in names(sets.get(name, name)))
