"""A prompt pair as the model saw it: token under token, what differs marked, and what the model made of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from mi_checks.record import Example, Prediction, TokenView
from mi_checks.report.numbers import number
from mi_checks.report.text import Chip, Shown, chip


@dataclass(frozen=True)
class Column:
    """One position. `label` is written once over a run of positions that share it; `spanned` draws the line on."""

    label: str
    spanned: bool
    differs: bool
    clean: Chip | None
    corrupt: Chip | None


@dataclass(frozen=True)
class Guess:
    """One of the most probable next tokens; `part` is "answer", "foil" or nothing."""

    token: Chip
    probability: str
    percent: float
    part: str


@dataclass(frozen=True)
class Side:
    """What the model made of one of the two prompts; `text` is the whole prompt, for those who listen."""

    name: str
    text: Shown
    logit_diff: str
    guesses: tuple[Guess, ...]


@dataclass(frozen=True)
class ExampleView:
    """One prompt pair for showing."""

    columns: tuple[Column, ...]
    answer: Chip
    foils: tuple[Chip, ...]
    sides: tuple[Side, Side]


def example_view(example: Example) -> ExampleView:
    """Lay out a prompt pair."""
    return ExampleView(
        columns=_columns(example),
        answer=chip(example.answer),
        foils=tuple(chip(foil) for foil in example.foils),
        sides=(
            _side("clean", example.clean, example.clean_logit_diff, example.clean_top, example),
            _side("corrupt", example.corrupt, example.corrupt_logit_diff, example.corrupt_top, example),
        ),
    )


def _columns(example: Example) -> tuple[Column, ...]:
    columns, before = [], ""
    for clean, corrupt in zip_longest(example.clean, example.corrupt):
        token: TokenView = clean or corrupt
        columns.append(
            Column(
                label=token.label if token.label != before else "",
                spanned=bool(token.label),
                differs=token.differs or clean is None or corrupt is None,
                clean=chip(clean.text) if clean else None,
                corrupt=chip(corrupt.text) if corrupt else None,
            )
        )
        before = token.label
    return tuple(columns)


def _side(
    name: str, tokens: tuple[TokenView, ...], logit_diff: float, top: tuple[Prediction, ...], example: Example
) -> Side:
    return Side(
        name,
        Shown("".join(chip(token.text).text for token in tokens)),
        number(logit_diff),
        tuple(_guess(prediction, example) for prediction in top),
    )


def _guess(prediction: Prediction, example: Example) -> Guess:
    part = "answer" if prediction.text == example.answer else "foil" if prediction.text in example.foils else ""
    percent = round(100 * min(max(prediction.probability, 0.0), 1.0), 1)
    return Guess(chip(prediction.text), number(prediction.probability, 3), percent, part)
