"""The kinds of variables, which differ in the source of the values that fill a prompt."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from mi_checks.spec.part import ONE_OR_SEVERAL, PLAIN_OR_MAPPING, TAG, Part

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Fields = Annotated[dict[Identifier, str], Field(min_length=1)]
Row = Annotated[
    Annotated[str, Tag(TAG + "plain")] | Annotated[Fields, Tag(TAG + "mapping")],
    PLAIN_OR_MAPPING,
]

Predicate = Literal["single_token", "single_token_after_space", "splits_in_two", "leading_space", "alphabetic"]


class Variable(Part):
    """The settings that every kind of variable has."""

    differs_from: Annotated[
        Annotated[Identifier, Tag(TAG + "one")] | Annotated[tuple[Identifier, ...], Tag(TAG + "several")],
        ONE_OR_SEVERAL,
    ] = Field((), description="variables, declared before this one, whose value this one must not take")
    where: tuple[Predicate, ...] = Field((), description="what the tokenizer must make of the value")

    @property
    def others(self) -> tuple[str, ...]:
        """Return the names in `differs_from`, always as a tuple."""
        return (self.differs_from,) if isinstance(self.differs_from, str) else self.differs_from


class RandomTokens(Variable):
    """`length` tokens drawn uniformly from the vocabulary's words that begin with a space."""

    tokens: Literal["random"]
    length: int = Field(1, ge=1, le=512)
    distinct: bool = Field(False, description="no token twice within this variable")


class AdjustedVariable(Variable):
    """The settings that a case changes in a variable whose source stays the same."""

    length: int | None = Field(None, ge=1, le=512)
    distinct: bool | None = None


class FromPool(Variable):
    """A value drawn from a pool of the package (`first_names`, `words`, `identifiers`, …) or of the project."""

    pool: str


class FromValues(Variable):
    """A value drawn from the list written here; the fields of a mapping are read as `{{ name.field }}`."""

    values: tuple[Row, ...] = Field(min_length=1)


class FromFile(Variable):
    """A row drawn from a data file beside this one; its columns are read as `{{ name.column }}`."""

    file: str = Field(min_length=1, description="a .csv file with a header or a .jsonl file, relative to this file")


class Supplied(FromValues):
    """A variable whose values were loaded from outside the behaviour file. It is not in the grammar.

    Attributes:
        origin: the source of the values, as messages name it: `the file 'cases.csv'`.
    """

    origin: str


class SameAs(Part):
    """The value of a variable declared before, so that one place can be corrupted and another left unchanged."""

    same_as: Identifier

    @property
    def others(self) -> tuple[str, ...]:
        """Return nothing: this variable differs from whatever the other variable differs from."""
        return ()


VARIABLES: dict[str, type[Part]] = {
    "tokens": RandomTokens,
    "pool": FromPool,
    "values": FromValues,
    "file": FromFile,
    "same_as": SameAs,
}
SOURCES = tuple(VARIABLES)  # the keys that name the source of a variable's values


def variable_source(variable: Any) -> str | None:
    """Return the union tag of the kind of variable, from the first key of `SOURCES` that is present."""
    for source, kind in VARIABLES.items():
        if isinstance(variable, kind) or (isinstance(variable, dict) and source in variable):
            return TAG + source
    return None


AnyVariable = Annotated[
    Annotated[RandomTokens, Tag(TAG + "tokens")]
    | Annotated[FromPool, Tag(TAG + "pool")]
    | Annotated[FromValues, Tag(TAG + "values")]
    | Annotated[FromFile, Tag(TAG + "file")]
    | Annotated[SameAs, Tag(TAG + "same_as")],
    Discriminator(variable_source),
]
