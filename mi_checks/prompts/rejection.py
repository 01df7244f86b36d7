"""The reasons why a draw of the variables gives no usable prompt pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import Prompt

Kind = Literal[
    "exhausted", "repeat", "identical", "length", "labels", "continuation", "same_tokens", "no_embedding", "unknown"
]


class TooFewPrompts(MiChecksError):
    """The exception for a behaviour with fewer prompt pairs than requested.

    It is not a mistake in the behaviour if the model is not listed in the file and has a different tokenizer.

    Attributes:
        found: the number of pairs that exist.
        asked: the number of pairs requested, or None if unknown.
    """

    def __init__(self, message: str, found: int, asked: int | None = None) -> None:
        super().__init__(message)
        self.found = found
        self.asked = asked


@dataclass(frozen=True)
class Rejection:
    """An unusable draw of the variables.

    Attributes:
        kind: the kind of reason, by which rejections are counted.
        detail: the reason in this particular draw.
        prompts: the clean and the corrupt prompt, if they exist and displaying them helps.
    """

    kind: Kind
    detail: str
    prompts: tuple[Prompt, Prompt] | None = None
