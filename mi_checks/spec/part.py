"""The base class of the grammar's parts: strict, with tuples for lists, and unions that name the intended member."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator

# Pydantic's error locations mix union tags with the file's own keys; no key begins with NUL.
UNION_TAG = "\0"


class GrammarPart(BaseModel):
    """The base class of every part of a behaviour file: immutable, with an error for every unknown key."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, data: Any) -> Any:
        return lists_to_tuples(data)


def lists_to_tuples(data: Any) -> Any:
    """Return the same data with tuples for lists.

    YAML has only lists, and strict validation refuses a list where a tuple is expected.
    """
    if isinstance(data, list | tuple):
        return tuple(lists_to_tuples(item) for item in data)
    if isinstance(data, dict):
        return {key: lists_to_tuples(value) for key, value in data.items()}
    return data


def one_or_several_tag(value: Any) -> str:
    """Return the union tag that tells one thing from a list of things."""
    return UNION_TAG + ("several" if isinstance(value, list | tuple) else "one")


def plain_or_mapping_tag(value: Any) -> str:
    """Return the union tag that tells a mapping (or a validated part) from a plain value."""
    return UNION_TAG + ("mapping" if isinstance(value, dict | GrammarPart) else "plain")


# With a callable discriminator, pydantic reports the mistakes of the intended member instead of those of all members.
ONE_OR_SEVERAL = Discriminator(one_or_several_tag)
PLAIN_OR_MAPPING = Discriminator(plain_or_mapping_tag)
