"""The prompt pairs of quotes: one pair for each quote, in an order that depends only on the seed."""

from __future__ import annotations

import numpy as np

from mi_checks.errors import MiChecksError
from mi_checks.prompts.align import align
from mi_checks.prompts.batch import PromptPair
from mi_checks.prompts.marks import unmark
from mi_checks.prompts.rejection import Rejection, TooFewPrompts
from mi_checks.prompts.render import Rendered
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible_tokens
from mi_checks.spec.quotes import Quote, QuotedPrompts, QuoteError, marks_of

_MAX_SHOWN_QUOTES = 3  # rejected quotes that the error shows


class QuotedPairs:
    """The pairs of quotes under one tokenizer."""

    def __init__(self, prompts: QuotedPrompts, tokenization: Tokenization, behaviour: str, seed: int) -> None:
        """Parse the quotes.

        Raises:
            MiChecksError: a quote cannot be read, or has no answer or foils.
        """
        self.pairs: list[PromptPair] = []
        self._behaviour = behaviour
        self._tokenization = tokenization
        self._score = prompts.score
        self._by_labels = prompts.align == "labels"
        quotes = prompts.whole
        self._left = [self._rendered(quotes[place]) for place in np.random.default_rng(seed).permutation(len(quotes))]
        self._total = len(quotes)
        self._rejections: list[tuple[Rendered, Rejection]] = []

    def next_pair(self, asked: int) -> PromptPair:
        """Return the pair of the next quote that is not rejected.

        Raises:
            TooFewPrompts: no other quote gives a pair; the message says why.
        """
        while self._left:
            rendered = self._left.pop(0)
            outcome = align(rendered, self._tokenization, score=self._score, by_labels=self._by_labels)
            if isinstance(outcome, PromptPair):
                return outcome
            self._rejections.append((rendered, outcome))
        raise self._too_few(asked)

    def _too_few(self, asked: int) -> TooFewPrompts:
        has = f"{asked} prompt pairs are asked for, and of {self._total} quotes {len(self.pairs)} give one"
        lines = [f"behaviour {self._behaviour!r}: {has}"]
        for rendered, rejection in self._rejections[:_MAX_SHOWN_QUOTES]:
            lines.append(f"  {rendered.clean.text[:60]!r}: {rejection.detail}")
            if rejection.prompts is not None:
                clean, corrupt = (visible_tokens(prompt.pieces) for prompt in rejection.prompts)
                lines += [f"    clean:   {clean}", f"    corrupt: {corrupt}"]
        if len(self._rejections) > _MAX_SHOWN_QUOTES:
            lines.append(f"  and {len(self._rejections) - _MAX_SHOWN_QUOTES} more")
        change = "change these quotes, " if self._rejections else ""
        lines.append(f"  remedy: {change}ask for fewer pairs (`count`, or --mi-count), or quote more")
        return TooFewPrompts("\n".join(lines), len(self.pairs), asked)

    def _rendered(self, quote: Quote) -> Rendered:
        if not quote.answers or quote.foils is None:
            raise MiChecksError(
                f"behaviour {self._behaviour!r}: the quote {quote.text[:60]!r} has no answer or no foils"
            )
        try:
            marks = marks_of(quote.text)
        except QuoteError as error:
            raise MiChecksError(f"behaviour {self._behaviour!r}: {error}") from None
        return Rendered(unmark(marks.clean), unmark(marks.corrupt), quote.answers, quote.foils)
