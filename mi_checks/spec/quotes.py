"""Prompts quoted from real text, in which `[[label: was|becomes]]` marks what differs in the corrupt prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, Tag

from mi_checks.spec.part import PLAIN_OR_MAPPING, UNION_TAG, GrammarPart
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.scoring import Scoring, Text, Texts, as_texts
from mi_checks.spec.template import END, MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR, mark
from mi_checks.spec.yaml_source import YamlSource

DEFAULT_LABEL = "span"  # the label of a mark without one

_MARK = re.compile(r"\\\[\[|\[\[((?:\\\||\\\]\]|[^\[\]]|\[(?!\[)|\](?!\](?!\])))*)(\]\]|\Z|(?=\[\[))", re.DOTALL)
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*): ")
_BAR = re.compile(r"(?<!\\)\|")
_MARK_SYNTAX = (
    "a mark is [[was|becomes]] or [[label: was|becomes]], or [[label: text]] to label text that stays the same"
)

QuoteText = Annotated[str, Field(min_length=1, description="text with [[was|becomes]] or [[label: was|becomes]] in it")]


class Quote(GrammarPart):
    """A text with an answer or foils of its own."""

    text: QuoteText
    answer: Texts | None = Field(None, description="instead of the answer of all quotes")
    foils: tuple[Text, ...] | None = Field(None, min_length=1, description="instead of the foils of all quotes")

    @property
    def answers(self) -> tuple[str, ...]:
        """Return the answers, or an empty tuple if the quote has none of its own."""
        return () if self.answer is None else as_texts(self.answer)


AnyQuote = Annotated[
    Annotated[QuoteText, Tag(UNION_TAG + "plain")] | Annotated[Quote, Tag(UNION_TAG + "mapping")],
    PLAIN_OR_MAPPING,
]


class QuotedPrompts(Scoring):
    """Prompts that are written out, one pair for each quote. Their texts are not templates."""

    count: int | None = Field(None, ge=2, description="prompt pairs, at most as many as quotes; otherwise all")
    seed: int = Field(0, ge=0, description="determines the order in which quotes are taken")
    quotes: tuple[AnyQuote, ...] = Field(min_length=2)
    answer: Texts | None = Field(None, description="the continuation of every clean prompt: one text, or several")
    foils: tuple[Text, ...] | None = Field(
        None, min_length=1, description="the continuations to which the answer must be preferred"
    )

    @property
    def pairs(self) -> int:
        """Return the number of pairs: one for each quote, unless the file requests fewer."""
        return len(self.quotes) if self.count is None else self.count

    @property
    def complete_quotes(self) -> tuple[Quote, ...]:
        """Return the quotes, each with its answer and foils."""
        quotes = (quote if isinstance(quote, Quote) else Quote(text=quote) for quote in self.quotes)
        return tuple(
            Quote.model_construct(
                text=quote.text,
                answer=quote.answer or self.answer,
                foils=None if (foils := quote.foils or self.foils) is None else as_texts(foils),
            )
            for quote in quotes
        )


class QuoteError(ValueError):
    """A mark that cannot be read."""


@dataclass(frozen=True)
class MarkedQuote:
    """The two prompts of a quote, and its labels.

    Attributes:
        clean: the text with the first alternatives, marked as by the filter `at`.
        corrupt: the text with the second alternatives, marked in the same way.
        labels: the labels of the marks, in order.
    """

    clean: str
    corrupt: str
    labels: tuple[str, ...]


def parse_quote(text: str) -> MarkedQuote:
    """Return the two prompts in a quote.

    Raises:
        QuoteError: its marks cannot be read.
    """
    if any(reserved in text for reserved in (MARK_OPEN, MARK_SEPARATOR, MARK_CLOSE)):
        raise QuoteError("the characters U+E000 to U+E002 are reserved for labels; remove them")
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
            raise QuoteError(
                f"{_shortened(match[0])} is not closed; {_MARK_SYNTAX}; write \\[[ for two literal brackets"
            )
        label, alternatives = _parse_mark(match[0], match[1])
        if label in labels:
            raise QuoteError(f"the label {label!r} is used twice; give each mark its own label: [[label: was|becomes]]")
        labels.append(label)
        for side, alternative in zip(sides, alternatives, strict=True):
            side.append(between + mark(alternative, label))
    clean, corrupt = ("".join(side) + text[end:] for side in sides)
    if clean == corrupt:
        raise QuoteError(
            f"nothing in this quote changes, so its clean and corrupt prompts are the same; {_MARK_SYNTAX}"
        )
    return MarkedQuote(clean, corrupt, tuple(labels))


def _parse_mark(whole: str, inside: str) -> tuple[str, tuple[str, str]]:
    label_match = _LABEL.match(inside)
    label = label_match[1] if label_match else DEFAULT_LABEL
    alternatives = _BAR.split(inside[label_match.end() :] if label_match else inside)
    if len(alternatives) > 2:
        raise QuoteError(
            f"{_shortened(whole)} has {len(alternatives)} alternatives; {_MARK_SYNTAX}; write \\| for a literal bar"
        )
    if len(alternatives) == 1 and not label_match:
        raise QuoteError(f"{_shortened(whole)} has one alternative and no label; {_MARK_SYNTAX}")
    if not all(alternatives):
        raise QuoteError(
            f"{_shortened(whole)} has an empty alternative; "
            "write text on both sides, so that clean and corrupt prompts align"
        )
    if label == END:
        raise QuoteError(f"the label {END!r} is reserved for the last token of every prompt; choose another")
    was, becomes = (part.replace("\\|", "|").replace("\\]]", "]]") for part in (alternatives[0], alternatives[-1]))
    return label, (was, becomes)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


_QUOTES: Keys = ("prompts", "quotes")


def quote_problems(source: YamlSource, prompts: QuotedPrompts) -> Iterator[SpecProblem]:
    """Yield the mistakes in quoted prompts."""
    quotes = prompts.complete_quotes
    if prompts.count is not None and prompts.count > len(quotes):
        message = (
            f"'prompts.count' is {prompts.count}, but there are only {len(quotes)} quotes, each of which gives one pair"
        )
        yield source.problem(("prompts", "count"), message)
    first: MarkedQuote | None = None
    seen: dict[str, int] = {}
    for index, (quote, written) in enumerate(zip(quotes, prompts.quotes, strict=True)):
        place = (*_QUOTES, index)
        text = (*place, "text") if isinstance(written, Quote) else place
        try:
            marks = parse_quote(quote.text)
        except QuoteError as error:
            yield source.problem(text, str(error))
        else:
            first = first or marks
            if set(marks.labels) != set(first.labels):
                message = (
                    f"this quote has the labels {comma_list(marks.labels)}, but the first has "
                    f"{comma_list(first.labels)}; give every quote the same labels"
                )
                yield source.problem(text, message)
            if marks.clean in seen:
                yield source.problem(
                    text, f"this quote has the same clean prompt as 'prompts.quotes[{seen[marks.clean]}]'"
                )
            seen.setdefault(marks.clean, index)
        for key in ("answer", "foils"):
            if getattr(quote, key) is None:
                message = f"this quote has no {key}; give it {key!r}, or give all quotes 'prompts.{key}'"
                yield source.problem(place, message)
        for key, own, firsts in (
            ("answer", quote.answers, quotes[0].answers),
            ("foils", quote.foils or (), quotes[0].foils or ()),
        ):
            if own and firsts and len(own) != len(firsts):
                has = f"{len(firsts)} {key.removesuffix('s')}{'' if len(firsts) == 1 else 's'}"
                message = f"the first quote has {has}, but this one has {len(own)}; give every quote the same number"
                yield source.problem((*place, key), message)


def quote_labels(prompts: QuotedPrompts) -> tuple[str, ...] | None:
    """Return the labels that a check may name, or None if no quote is readable, which `quote_problems` reports."""
    for quote in prompts.complete_quotes:
        try:
            return parse_quote(quote.text).labels
        except QuoteError:
            continue
    return None
