"""The kinds of variables, which differ in the source of their values, and the pools that come with mi-checks.

A pool is a text file in `pools/` with one value per line; `#` begins a comment.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.part import ONE_OR_SEVERAL, PLAIN_OR_MAPPING, UNION_TAG, GrammarPart
from mi_checks.spec.problems import comma_list

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
RowFields = Annotated[dict[Identifier, str], Field(min_length=1)]
ListedValue = Annotated[
    Annotated[str, Tag(UNION_TAG + "plain")] | Annotated[RowFields, Tag(UNION_TAG + "mapping")],
    PLAIN_OR_MAPPING,
]

Predicate = Literal["single_token", "single_token_after_space", "splits_in_two", "leading_space", "alphabetic"]


class Variable(GrammarPart):
    """The settings that every kind of variable has."""

    differs_from: Annotated[
        Annotated[Identifier, Tag(UNION_TAG + "one")] | Annotated[tuple[Identifier, ...], Tag(UNION_TAG + "several")],
        ONE_OR_SEVERAL,
    ] = Field((), description="variables, declared before this one, whose value this one must not take")
    where: tuple[Predicate, ...] = Field((), description="predicates on how the tokenizer splits the value")

    @property
    def others(self) -> tuple[str, ...]:
        """Return the names in `differs_from`, always as a tuple."""
        return (self.differs_from,) if isinstance(self.differs_from, str) else self.differs_from


class RandomTokens(Variable):
    """`length` tokens drawn uniformly from the vocabulary's words that begin with a space."""

    tokens: Literal["random"]
    length: int = Field(1, ge=1, le=512)
    distinct: bool = Field(False, description="no token twice within this variable")


MIN_SAMPLED_VALUES = 6  # a shorter list is fixed, unless `rows` says otherwise
RowsRole = Literal["sampled", "fixed"]
RowsSetting = Annotated[
    RowsRole | None,
    Field(
        description="what the claim is about: `sampled`, more rows like these; `fixed`, exactly these. Without it, "
        f"lists of fewer than {MIN_SAMPLED_VALUES} values are fixed, and everything else is sampled"
    ),
]


class AdjustedVariable(Variable):
    """The settings that a case changes in a variable whose source stays the same."""

    length: int | None = Field(None, ge=1, le=512)
    distinct: bool | None = None
    rows: RowsSetting = None


class FiniteVariable(Variable):
    """A variable that takes each value from a finite source, so that prompts share its rows."""

    rows: RowsSetting = None

    @property
    def is_sampled(self) -> bool:
        """Return whether the rows stand for more of their kind, so that prompts with the same row are a cluster."""
        return self.rows != "fixed"


class FromPool(FiniteVariable):
    """A value drawn from a pool of the package (`first_names`, `words`, `identifiers`, …) or of the project."""

    pool: str


class FromValues(FiniteVariable):
    """A value drawn from the list written here; the fields of a mapping are read as `{{ name.field }}`."""

    values: tuple[ListedValue, ...] = Field(min_length=1)

    @property
    def is_sampled(self) -> bool:
        """Return whether the rows stand for more of their kind; a short list does not, unless `rows` says so."""
        return len(self.values) >= MIN_SAMPLED_VALUES if self.rows is None else self.rows == "sampled"


class FromFile(FiniteVariable):
    """A row drawn from a data file beside this one; its columns are read as `{{ name.column }}`."""

    file: str = Field(min_length=1, description="a .csv file with a header or a .jsonl file, relative to this file")


class SuppliedValues(FromValues):
    """A variable whose values were loaded from outside the behaviour file. It is not in the grammar.

    Attributes:
        origin: the source of the values, as messages name it: `the file 'cases.csv'`.
    """

    origin: str

    @property
    def is_sampled(self) -> bool:
        """Return whether the rows stand for more of their kind, as those of files and pools do by default."""
        return self.rows != "fixed"


class SameAs(GrammarPart):
    """The value of a variable declared before, so that one place can be corrupted and another left unchanged."""

    same_as: Identifier

    @property
    def others(self) -> tuple[str, ...]:
        """Return nothing: this variable differs from whatever the other variable differs from."""
        return ()


VARIABLE_KINDS: dict[str, type[GrammarPart]] = {
    "tokens": RandomTokens,
    "pool": FromPool,
    "values": FromValues,
    "file": FromFile,
    "same_as": SameAs,
}
VARIABLE_SOURCES = tuple(VARIABLE_KINDS)  # the keys that name the source of a variable's values


def variable_tag(variable: Any) -> str | None:
    """Return the union tag of the kind of variable, from the first key of `VARIABLE_SOURCES` that is present."""
    for source, kind in VARIABLE_KINDS.items():
        if isinstance(variable, kind) or (isinstance(variable, dict) and source in variable):
            return UNION_TAG + source
    return None


AnyVariable = Annotated[
    Annotated[RandomTokens, Tag(UNION_TAG + "tokens")]
    | Annotated[FromPool, Tag(UNION_TAG + "pool")]
    | Annotated[FromValues, Tag(UNION_TAG + "values")]
    | Annotated[FromFile, Tag(UNION_TAG + "file")]
    | Annotated[SameAs, Tag(UNION_TAG + "same_as")],
    Discriminator(variable_tag),
]


def fields_of(variable: AnyVariable) -> tuple[str, ...]:
    """Return the fields of a row variable (those of its first row), or an empty tuple if its values are plain."""
    first = variable.values[0] if isinstance(variable, FromValues) else ""
    return tuple(first) if isinstance(first, dict) else ()


def value_problem(name: str, field: str | None, variables: dict[str, AnyVariable]) -> str | None:
    """Return why `name` or `name.field` does not give a text, or None if it does."""
    if name not in variables:
        return f"unknown variable {name!r}; variables: {comma_list(variables) or 'none'}{did_you_mean(name, variables)}"
    fields = fields_of(variables[name])
    if field is None:
        return f"{name!r} has fields; name one of them: {comma_list(f'{name}.{f}' for f in fields)}" if fields else None
    if not fields:
        return f"{name!r} has no fields, so {name + '.' + field!r} does not exist; write {name!r}"
    if field not in fields:
        return f"{name!r} has no field {field!r}; fields: {comma_list(fields)}{did_you_mean(field, fields)}"
    return None


_SUFFIX = ".txt"


@cache
def pool_names() -> tuple[str, ...]:
    """Return the names of all pools, sorted."""
    entries = (files(__package__) / "pools").iterdir()
    return tuple(sorted(entry.name.removesuffix(_SUFFIX) for entry in entries if entry.name.endswith(_SUFFIX)))


@cache
def pool_values(name: str) -> tuple[str, ...]:
    """Return a pool's values, in the file's order.

    Raises:
        MiChecksError: there is no pool with that name.
    """
    known = pool_names()
    if name not in known:
        raise MiChecksError(f"unknown pool {name!r}; pools: {', '.join(known)}{did_you_mean(name, known)}")
    text = (files(__package__) / "pools" / f"{name}{_SUFFIX}").read_text("utf-8")
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in lines if line)
