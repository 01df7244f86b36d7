"""Validation of quotes: their marks must be readable and consistent, and each quote needs an answer and foils."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.spec.problems import Problem
from mi_checks.spec.quotes import Marks, Quote, QuotedPrompts, QuoteError, marks_of
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys, YamlSource

_QUOTES: Keys = ("prompts", "quotes")


def quote_problems(source: YamlSource, prompts: QuotedPrompts) -> Iterator[Problem]:
    """Yield the mistakes in quoted prompts."""
    quotes = prompts.whole
    if prompts.count is not None and prompts.count > len(quotes):
        message = f"'prompts.count' is {prompts.count}, and there are {len(quotes)} quotes, each of which is one pair"
        yield source.problem(("prompts", "count"), message)
    first: Marks | None = None
    seen: dict[str, int] = {}
    for index, (quote, written) in enumerate(zip(quotes, prompts.quotes, strict=True)):
        place = (*_QUOTES, index)
        text = (*place, "text") if isinstance(written, Quote) else place
        try:
            marks = marks_of(quote.text)
        except QuoteError as error:
            yield source.problem(text, str(error))
        else:
            first = first or marks
            if set(marks.labels) != set(first.labels):
                message = f"this quote has the labels {listed(marks.labels)}, and the first has {listed(first.labels)}"
                yield source.problem(text, f"{message}; give all the same")
            if marks.clean in seen:
                yield source.problem(
                    text, f"this clean prompt is that of 'prompts.quotes[{seen[marks.clean]}]' as well"
                )
            seen.setdefault(marks.clean, index)
        for key in ("answer", "foils"):
            if getattr(quote, key) is None:
                message = f"no {key}: give this quote {key!r}, or all of them 'prompts.{key}'"
                yield source.problem(place, message)
        for key, own, firsts in (
            ("answer", quote.answers, quotes[0].answers),
            ("foils", quote.foils or (), quotes[0].foils or ()),
        ):
            if own and firsts and len(own) != len(firsts):
                has = f"{len(firsts)} {key.removesuffix('s')}{'' if len(firsts) == 1 else 's'}"
                message = f"the first quote has {has} and this one {len(own)}; give all equally many"
                yield source.problem((*place, key), message)


def quote_labels(prompts: QuotedPrompts) -> tuple[str, ...] | None:
    """Return the labels that a check may name, or None if no quote is readable, which `quote_problems` reports."""
    for quote in prompts.whole:
        try:
            return marks_of(quote.text).labels
        except QuoteError:
            continue
    return None
