"""The scores of a prompt's continuations, and the alignment of clean and corrupt prompts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, Tag

from mi_checks.spec.part import ONE_OR_SEVERAL, UNION_TAG, GrammarPart

FIRST_TOKEN = "first_token"  # noqa: S105  # not a password
FIRST_DIFFERENCE = "first_difference"
LOG_PROBABILITY = "log_probability"
SCORES = (FIRST_TOKEN, FIRST_DIFFERENCE, LOG_PROBABILITY)
LINEAR_SCORES = (FIRST_TOKEN, FIRST_DIFFERENCE)  # linear in the logits if several answers or foils are averaged

Reduction = Literal["mean", "max"]
Text = Annotated[str, StringConstraints(min_length=1)]
Texts = Annotated[
    Annotated[Text, Tag(UNION_TAG + "one")]
    | Annotated[tuple[Text, ...], Field(min_length=1), Tag(UNION_TAG + "several")],
    ONE_OR_SEVERAL,
]


class Scoring(GrammarPart):
    """The settings of scores and alignment that prompts of every kind share."""

    score: str = Field(
        FIRST_TOKEN,
        min_length=1,
        description="first_token: the logit of a continuation's first token; first_difference: that of the first token "
        "in which answers and foils differ, after the tokens they share are appended to the prompt; "
        "log_probability: the teacher-forced log-probability of all its tokens; or a score that a conftest.py adds "
        "with pytest_mi_scores",
    )
    answer_reduction: Reduction = Field("mean", description="how the scores of several answers are combined")
    foil_reduction: Reduction = Field("mean", description="how the scores of several foils are combined")
    align: Literal["tokens", "labels"] = Field(
        "tokens",
        description="tokens: clean and corrupt prompts have the same length; labels: they correspond only at "
        "their labels, so every patching check needs `at`",
    )


def score_name(score: str) -> str:
    """Return the name of a score in messages: the logit difference, or the name of a project's own score."""
    return {
        FIRST_TOKEN: "logit difference",
        FIRST_DIFFERENCE: "logit difference",
        LOG_PROBABILITY: "log-probability difference",
    }.get(score, score)


def score_unit(score: str) -> str:
    """Return the unit of a score: logits, nats, or the name of a project's own score."""
    return {FIRST_TOKEN: "logits", FIRST_DIFFERENCE: "logits", LOG_PROBABILITY: "nats"}.get(score, score)


def as_texts(text: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return one text or several as a tuple without duplicates."""
    return (text,) if isinstance(text, str) else tuple(dict.fromkeys(text))
