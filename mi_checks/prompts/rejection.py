"""The reasons why a draw of the variables gives no prompt pair, and the error if there are too few pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import Prompt
from mi_checks.prompts.visible import visible_tokens

RejectionKind = Literal[
    "exhausted", "repeat", "identical", "length", "labels", "continuation", "same_tokens", "no_embedding", "unknown"
]


class TooFewPromptsError(MiChecksError):
    """The exception for a behaviour with fewer prompt pairs than requested.

    It is not a mistake in the behaviour if the model is not listed in the file and has a different tokenizer.

    Attributes:
        n_available: the number of pairs that exist.
        n_requested: the number of pairs requested, or None if unknown.
    """

    def __init__(self, message: str, n_available: int, n_requested: int | None = None) -> None:
        super().__init__(message)
        self.n_available = n_available
        self.n_requested = n_requested


@dataclass(frozen=True)
class Rejection:
    """An unusable draw of the variables.

    Attributes:
        kind: the kind of reason, by which rejections are counted.
        detail: the reason in this particular draw.
        prompts: the clean and the corrupt prompt, if they exist and displaying them helps.
    """

    kind: RejectionKind
    detail: str
    prompts: tuple[Prompt, Prompt] | None = None


_CONTEXT_TOKENS = 12  # shown on either side of the first difference

_REMEDIES: Mapping[RejectionKind, str] = {
    "exhausted": "give the variable more values, or remove a name from its `differs_from`",
    "repeat": "request fewer pairs (`count`, or --mi-count), or give the variables more values",
    "identical": "make the replacing variable differ with `differs_from`, and make sure that the template uses the one "
    "that it replaces",
    "length": "add `where: [single_token_after_space]` to the variables that `corrupt` exchanges, "
    "give them values with equally many tokens, or align the prompts only at their labels (`align: labels`)",
    "labels": "add `where: [single_token_after_space]` to the variables that `corrupt` exchanges, "
    "or give them values with equally many tokens",
    "continuation": "end the template before the space, and start answer and foils with the space, which belongs to "
    "the token of the word after it",
    "no_embedding": "write the prompts without that token, or use a model that embeds it",
    "unknown": "choose answers and foils that the tokenizer knows, or use a model that knows them",
    "same_tokens": "only the first token of each is scored; start the answer with another token than the foils, or "
    "score the first token in which they differ (`score: first_difference`) or all tokens (`score: log_probability`)",
}


def too_few_prompts_error(
    behaviour: str, n_available: int, n_requested: int, rejections: Sequence[Rejection]
) -> TooFewPromptsError:
    """Return the error for a pair that no draw gave, with the most common of the rejections (at least one)."""
    kind, times = Counter(rejection.kind for rejection in rejections).most_common(1)[0]
    example = next(rejection for rejection in rejections if rejection.kind == kind)
    if kind in ("same_tokens", "no_embedding") and times == len(rejections) and not n_available:
        lines = [f"behaviour {behaviour!r}: {example.detail}"]
    else:
        often = "every time" if times == len(rejections) else "most often"
        lines = [
            f"behaviour {behaviour!r}: only {n_available} of the {n_requested} requested prompt pairs were found; "
            f"the last {len(rejections)} draws gave no further pair",
            f"  {often} ({times} of {len(rejections)}): {example.detail}",
        ]
    if example.prompts is not None:
        clean, corrupt = example.prompts
        first = _first_difference(clean, corrupt)
        lines += [
            f"  clean:   {_context_text(clean.pieces, first)}",
            f"  corrupt: {_context_text(corrupt.pieces, first)}",
        ]
    return TooFewPromptsError("\n".join([*lines, f"  remedy: {_REMEDIES[kind]}"]), n_available, n_requested)


def _first_difference(clean: Prompt, corrupt: Prompt) -> int:
    pairs = enumerate(zip(clean.tokens, corrupt.tokens, strict=False))
    return next((place for place, (one, other) in pairs if one != other), 0)


def _context_text(pieces: Sequence[str], place: int) -> str:
    start, end = max(0, place - _CONTEXT_TOKENS), place + _CONTEXT_TOKENS + 1
    return ("… " if start else "") + visible_tokens(pieces[start:end]) + (" …" if end < len(pieces) else "")
