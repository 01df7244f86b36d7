"""A prompt pair as the model reads it: aligned tokens, marked where they differ, and the model's predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from mi_checks.output.numbers import number
from mi_checks.output.safe_text import EscapedText, TokenChip, token_chip
from mi_checks.results.evidence import Evidence, Example, Prediction, Rank, TokenView
from mi_checks.spec.scoring import score_name

TITLES: dict[Rank, str] = {
    "median": "Median prompt pair by effect size",
    "best": "Prompt pair with the largest effect size",
    "worst": "Prompt pair with the smallest effect size",
}


@dataclass(frozen=True)
class TokenColumn:
    """One position. `label` is set once per run of positions that share it; `is_labelled` continues its line."""

    label: str
    is_labelled: bool
    differs: bool
    clean: TokenChip | None
    corrupt: TokenChip | None


@dataclass(frozen=True)
class PredictionView:
    """One of the most probable next tokens; `role` is "answer", "foil" or ""."""

    token: TokenChip
    probability: str
    percent: float
    role: str


@dataclass(frozen=True)
class PromptView:
    """The model's predictions for one of the two prompts; `text` is the whole prompt, for screen readers."""

    name: str
    text: EscapedText
    logit_diff: str
    predictions: tuple[PredictionView, ...]


@dataclass(frozen=True)
class PromptPairView:
    """One prompt pair as it is displayed; `title` identifies it, and `score` names its values."""

    title: str
    score: str
    columns: tuple[TokenColumn, ...]
    answers: tuple[TokenChip, ...]
    foils: tuple[TokenChip, ...]
    prompts: tuple[PromptView, PromptView]


def prompt_pair_view(example: Example, evidence: Evidence) -> PromptPairView:
    """Lay out a prompt pair of a behaviour on a model."""
    return PromptPairView(
        title=_title(example, evidence),
        score=score_name(evidence.score),
        columns=_columns(example),
        answers=tuple(token_chip(answer) for answer in example.answers),
        foils=tuple(token_chip(foil) for foil in example.foils),
        prompts=(
            _prompt_view("clean", example.clean, example.clean_logit_diff, example.clean_top, example),
            _prompt_view("corrupt", example.corrupt, example.corrupt_logit_diff, example.corrupt_top, example),
        ),
    )


def _title(example: Example, evidence: Evidence) -> str:
    """Return the title of an example.

    Examples are chosen by effect size, except in runs of older versions, which recorded the first pairs.
    """
    number_text = f"{example.prompt + 1} of {evidence.n}"
    if not example.rank:
        return f"Prompt pair {number_text}"
    size = number(example.clean_logit_diff - example.corrupt_logit_diff)
    return f"{TITLES[example.rank]} ({number_text}): clean − corrupt = {size} {evidence.logit_diff.unit}"


def _columns(example: Example) -> tuple[TokenColumn, ...]:
    columns, before = [], ""
    for clean, corrupt in _aligned(example.clean, example.corrupt):
        token = clean or corrupt
        if token is None:
            continue
        columns.append(
            TokenColumn(
                label=token.label if token.label != before else "",
                is_labelled=bool(token.label),
                differs=token.differs or clean is None or corrupt is None,
                clean=token_chip(clean.text) if clean else None,
                corrupt=token_chip(corrupt.text) if corrupt else None,
            )
        )
        before = token.label
    return tuple(columns)


def _aligned(
    clean: tuple[TokenView, ...], corrupt: tuple[TokenView, ...]
) -> Iterator[tuple[TokenView | None, TokenView | None]]:
    """Align the tokens that both prompts share, and put the differing ones between them, with gaps."""
    for left, right in zip_longest(_stretches(clean), _stretches(corrupt), fillvalue=()):
        yield from zip_longest(left, right)


def _stretches(tokens: tuple[TokenView, ...]) -> list[list[TokenView]]:
    """Split tokens into stretches: the differing ones before each shared token, then that token, and so on."""
    stretches: list[list[TokenView]] = [[]]
    for token in tokens:
        if token.differs:
            stretches[-1].append(token)
        else:
            stretches += [[token], []]
    return stretches


def _prompt_view(
    name: str, tokens: tuple[TokenView, ...], logit_diff: float, top: tuple[Prediction, ...], example: Example
) -> PromptView:
    return PromptView(
        name,
        EscapedText("".join(token_chip(token.text).text for token in tokens)),
        number(logit_diff),
        tuple(_prediction_view(prediction, example) for prediction in top),
    )


def _prediction_view(prediction: Prediction, example: Example) -> PredictionView:
    role = "answer" if prediction.text in example.answers else "foil" if prediction.text in example.foils else ""
    percent = round(100 * min(max(prediction.probability, 0.0), 1.0), 1)
    return PredictionView(token_chip(prediction.text), number(prediction.probability, 3), percent, role)
