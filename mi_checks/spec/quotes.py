"""Prompts quoted from real text, in which `[[label: was|becomes]]` marks what differs in the corrupt prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, Tag

from mi_checks.spec.part import PLAIN_OR_MAPPING, TAG, Part
from mi_checks.spec.scoring import Scoring, Text, Texts, texts
from mi_checks.spec.template import CLOSE, END, OPEN, SEP, mark

SPAN = "span"  # the label of a mark without one

_MARK = re.compile(r"\\\[\[|\[\[((?:\\\||\\\]\]|[^\[\]]|\[(?!\[)|\](?!\](?!\])))*)(\]\]|\Z|(?=\[\[))", re.DOTALL)
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*): ")
_BAR = re.compile(r"(?<!\\)\|")
_SPELLING = "a mark is [[was|becomes]] or [[label: was|becomes]], or [[label: text]] to name what stays"

QuoteText = Annotated[str, Field(min_length=1, description="text with [[was|becomes]] or [[label: was|becomes]] in it")]


class Quote(Part):
    """A text with an answer or foils of its own."""

    text: QuoteText
    answer: Texts | None = Field(None, description="instead of that of all quotes")
    foils: tuple[Text, ...] | None = Field(None, min_length=1, description="instead of those of all quotes")

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the answers, or an empty tuple if the quote has none of its own."""
        return () if self.answer is None else texts(self.answer)


AnyQuote = Annotated[
    Annotated[QuoteText, Tag(TAG + "plain")] | Annotated[Quote, Tag(TAG + "mapping")],
    PLAIN_OR_MAPPING,
]


class QuotedPrompts(Scoring):
    """Prompts that are written out, one pair for each quote. Their texts are not templates."""

    count: int | None = Field(None, ge=2, description="prompt pairs, at most as many as quotes; otherwise all")
    seed: int = Field(0, ge=0, description="in which order they are taken")
    quotes: tuple[AnyQuote, ...] = Field(min_length=2)
    answer: Texts | None = Field(None, description="what every clean prompt is continued with: one text, or several")
    foils: tuple[Text, ...] | None = Field(None, min_length=1, description="what it must be preferred to")

    @property
    def pairs(self) -> int:
        """Return the number of pairs: one for each quote, unless the file requests fewer."""
        return len(self.quotes) if self.count is None else self.count

    @property
    def whole(self) -> tuple[Quote, ...]:
        """Return the quotes, each with its answer and foils."""
        quotes = (quote if isinstance(quote, Quote) else Quote(text=quote) for quote in self.quotes)
        return tuple(
            Quote.model_construct(
                text=quote.text,
                answer=quote.answer or self.answer,
                foils=None if (foils := quote.foils or self.foils) is None else texts(foils),
            )
            for quote in quotes
        )


class QuoteError(ValueError):
    """A mark that cannot be read."""


@dataclass(frozen=True)
class Marks:
    """The two prompts of a quote, and its labels.

    Attributes:
        clean: the text with the first alternatives, marked as by the filter `at`.
        corrupt: the text with the second alternatives, marked in the same way.
        labels: the labels of the marks, in order.
    """

    clean: str
    corrupt: str
    labels: tuple[str, ...]


def marks_of(text: str) -> Marks:
    """Return the two prompts in a quote.

    Raises:
        QuoteError: its marks cannot be read.
    """
    if any(reserved in text for reserved in (OPEN, SEP, CLOSE)):
        raise QuoteError("the characters U+E000 to U+E002 are reserved for marking labels")
    sides: tuple[list[str], list[str]] = ([], [])
    labels: list[str] = []
    end = 0
    for match in _MARK.finditer(text):
        between = text[end : match.start()]
        end = match.end()
        if match[0] == "\\[[":
            for side in sides:
                side.append(between + "[[")
            continue
        if match[2] != "]]":
            raise QuoteError(f"{_short(match[0])} is not closed; {_SPELLING}, and \\[[ is two brackets of the text")
        label, alternatives = _read(match[0], match[1])
        if label in labels:
            raise QuoteError(f"the label {label!r} is given twice; each names one place: [[label: was|becomes]]")
        labels.append(label)
        for side, alternative in zip(sides, alternatives, strict=True):
            side.append(between + mark(alternative, label))
    clean, corrupt = ("".join(side) + text[end:] for side in sides)
    if clean == corrupt:
        raise QuoteError(f"nothing in this quote changes, so clean and corrupt are the same; {_SPELLING}")
    return Marks(clean, corrupt, tuple(labels))


def _read(whole: str, inside: str) -> tuple[str, tuple[str, str]]:
    label_match = _LABEL.match(inside)
    label = label_match[1] if label_match else SPAN
    alternatives = _BAR.split(inside[label_match.end() :] if label_match else inside)
    if len(alternatives) > 2:
        raise QuoteError(f"{_short(whole)} has {len(alternatives)} alternatives; {_SPELLING}; \\| is a bar of the text")
    if len(alternatives) == 1 and not label_match:
        raise QuoteError(f"{_short(whole)} has one alternative and no label; {_SPELLING}")
    if not all(alternatives):
        raise QuoteError(f"{_short(whole)} has an empty alternative; clean and corrupt must align token by token")
    if label == END:
        raise QuoteError(f"the label {END!r} is reserved: it is every prompt's last token")
    was, becomes = (part.replace("\\|", "|").replace("\\]]", "]]") for part in (alternatives[0], alternatives[-1]))
    return label, (was, becomes)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
