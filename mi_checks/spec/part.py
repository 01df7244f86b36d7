"""What every piece of the grammar shares: strictness, lists as tuples, and unions that know which member was meant."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator

# Union tags stand in pydantic's error locations beside the file's own keys; no key begins with NUL.
TAG = "\0"


class Part(BaseModel):
    """Base of every piece of a behaviour file: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, data: Any) -> Any:
        return frozen(data)


def frozen(data: Any) -> Any:
    """The same data with tuples for lists: YAML has only lists, and strict validation refuses a list as a tuple."""
    if isinstance(data, list | tuple):
        return tuple(frozen(item) for item in data)
    if isinstance(data, dict):
        return {key: frozen(value) for key, value in data.items()}
    return data


def several(value: Any) -> str:
    """The tag of one thing or a list of them."""
    return TAG + ("several" if isinstance(value, list | tuple) else "one")


def mapping(value: Any) -> str:
    """The tag of a mapping (or an already validated part) or a plain value."""
    return TAG + ("mapping" if isinstance(value, dict | Part) else "plain")


# A callable discriminator makes pydantic report the mistakes of the member meant, not those of all members.
ONE_OR_SEVERAL = Discriminator(several)
PLAIN_OR_MAPPING = Discriminator(mapping)
