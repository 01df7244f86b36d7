"""Why one draw of the variables gives no usable prompt pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import Prompt

Kind = Literal[
    "exhausted", "repeat", "identical", "length", "labels", "continuation", "same_tokens", "no_embedding", "unknown"
]


class TooFewPrompts(MiChecksError):
    """There are fewer prompt pairs than are asked for. On a model that the behaviour is not about, with a tokenizer of
    its own, that is nobody's mistake.

    Attributes:
        found: how many there are.
        asked: how many are asked for, where that is known.
    """

    def __init__(self, message: str, found: int, asked: int | None = None) -> None:
        super().__init__(message)
        self.found = found
        self.asked = asked


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
