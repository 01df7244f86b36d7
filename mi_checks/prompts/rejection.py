"""Why one draw of the variables gives no usable prompt pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mi_checks.prompts.batch import Prompt

Kind = Literal["exhausted", "repeat", "identical", "length", "labels", "continuation", "first_token"]


@dataclass(frozen=True)
class Rejection:
    """One unusable draw.

    Attributes:
        kind: what rejections are counted by.
        detail: what is wrong with this very draw.
        prompts: the clean and the corrupt prompt, where the draw came so far and showing them helps.
    """

    kind: Kind
    detail: str
    prompts: tuple[Prompt, Prompt] | None = None
