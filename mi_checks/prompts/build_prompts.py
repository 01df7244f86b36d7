"""Construction of a prompt batch: variables are drawn, or quotes read, until there are as many pairs as requested."""

from __future__ import annotations

import numpy as np

from mi_checks.errors import MiChecksError
from mi_checks.prompts.align import align_pair
from mi_checks.prompts.batch import PromptBatch, PromptPair
from mi_checks.prompts.draw_variables import VariableSampler
from mi_checks.prompts.factors import QUOTE_FACTOR, Factor, factor
from mi_checks.prompts.rejection import Rejection, TooFewPromptsError, too_few_prompts_error
from mi_checks.prompts.render import RenderedPair, Renderer, parse_labels
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible_tokens
from mi_checks.spec.behaviour import AnyPrompts, Prompts
from mi_checks.spec.quotes import Quote, QuotedPrompts, QuoteError, parse_quote

_MAX_SHOWN_QUOTES = 3  # rejected quotes that the error shows


class QuotedPairBuilder:
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
        quotes = prompts.complete_quotes
        self._left = [self._rendered(quotes[place]) for place in np.random.default_rng(seed).permutation(len(quotes))]
        self._total = len(quotes)
        self._rejections: list[tuple[RenderedPair, Rejection]] = []

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Return the one factor: the quotes, of which every pair has its own."""
        return (factor(QUOTE_FACTOR, range(len(self.pairs)), sampled=True),)

    def next_pair(self, n_requested: int) -> PromptPair:
        """Return the pair of the next quote that is not rejected.

        Raises:
            TooFewPromptsError: no other quote gives a pair; the message says why.
        """
        while self._left:
            rendered = self._left.pop(0)
            outcome = align_pair(rendered, self._tokenization, score=self._score, by_labels=self._by_labels)
            if isinstance(outcome, PromptPair):
                return outcome
            self._rejections.append((rendered, outcome))
        raise self._too_few(n_requested)

    def _too_few(self, n_requested: int) -> TooFewPromptsError:
        has = f"{n_requested} prompt pairs were requested, but only {len(self.pairs)} of {self._total} quotes give one"
        lines = [f"behaviour {self._behaviour!r}: {has}"]
        for rendered, rejection in self._rejections[:_MAX_SHOWN_QUOTES]:
            lines.append(f"  {rendered.clean.text[:60]!r}: {rejection.detail}")
            if rejection.prompts is not None:
                clean, corrupt = (visible_tokens(prompt.pieces) for prompt in rejection.prompts)
                lines += [f"    clean:   {clean}", f"    corrupt: {corrupt}"]
        if len(self._rejections) > _MAX_SHOWN_QUOTES:
            lines.append(f"  and {len(self._rejections) - _MAX_SHOWN_QUOTES} more")
        change = "change these quotes, " if self._rejections else ""
        lines.append(f"  remedy: {change}request fewer pairs (`count`, or --mi-count), or add quotes")
        return TooFewPromptsError("\n".join(lines), len(self.pairs), n_requested)

    def _rendered(self, quote: Quote) -> RenderedPair:
        if not quote.answers or quote.foils is None:
            raise MiChecksError(
                f"behaviour {self._behaviour!r}: the quote {quote.text[:60]!r} has no answer or no foils"
            )
        try:
            marks = parse_quote(quote.text)
        except QuoteError as error:
            raise MiChecksError(f"behaviour {self._behaviour!r}: {error}") from None
        return RenderedPair(parse_labels(marks.clean), parse_labels(marks.corrupt), quote.answers, quote.foils)


MAX_REJECTED_DRAWS_PER_PAIR = 50  # distinct draws per pair; a template that fails more often is wrong, not unlucky
# Per pair, including repeats, which are cheap; the last unused value of a small pool is rarely drawn.
MAX_DRAWS_PER_PAIR = 2000


def build_prompts(
    prompts: AnyPrompts,
    tokenization: Tokenization,
    *,
    behaviour: str,
    count: int | None = None,
    seed: int | None = None,
    n_ctx: int | None = None,
) -> PromptBatch:
    """Return the prompt pairs of a behaviour under a tokenizer, with distinct clean prompts.

    Pair i depends only on the seed and on earlier pairs, so a smaller batch is the beginning of a larger one.

    Args:
        prompts: the prompts section of the behaviour.
        tokenization: the model's tokenizer.
        behaviour: the behaviour's name, for errors.
        count: the number of pairs, instead of the behaviour's own.
        seed: the seed, instead of the behaviour's own.
        n_ctx: the maximum number of tokens that the model reads, including the beginning-of-sequence token.

    Raises:
        TooFewPromptsError: a variable has no values, or too few distinct pairs have a clean and a corrupt prompt that
            align.
        MiChecksError: a template fails, or a prompt is longer than `n_ctx`.
    """
    pair_count = prompts.pairs if count is None else count
    if pair_count < 1:
        raise MiChecksError(f"behaviour {behaviour!r}: {pair_count} prompt pairs were requested; request at least 1")
    seed = prompts.seed if seed is None else seed
    try:
        builder = (
            QuotedPairBuilder(prompts, tokenization, behaviour, seed)
            if isinstance(prompts, QuotedPrompts)
            else _DrawnPairBuilder(prompts, tokenization, behaviour, seed)
        )
    except TooFewPromptsError as error:
        raise TooFewPromptsError(str(error), error.n_available, pair_count) from None
    while len(builder.pairs) < pair_count:
        pair = builder.next_pair(pair_count)
        _validate_pair(pair, builder.pairs, behaviour, n_ctx)
        builder.pairs.append(pair)
    return PromptBatch(
        tuple(builder.pairs),
        foil_reduction=prompts.foil_reduction,
        answer_reduction=prompts.answer_reduction,
        score=prompts.score,
        by_labels=prompts.align == "labels",
        factors=builder.factors,
    )


class _DrawnPairBuilder:
    def __init__(self, prompts: Prompts, tokenization: Tokenization, behaviour: str, seed: int) -> None:
        self.pairs: list[PromptPair] = []
        self._variables = VariableSampler(prompts.variables, tokenization, behaviour)
        self._renderer = Renderer(prompts, behaviour)
        self._score = prompts.score
        self._by_labels = prompts.align == "labels"
        self._tokenization = tokenization
        self._behaviour = behaviour
        self._seed = seed
        self._used: set[str] = set()
        self._rejected: dict[RenderedPair, Rejection] = {}

    def next_pair(self, n_requested: int) -> PromptPair:
        """Return the next pair.

        Raises:
            TooFewPromptsError: every draw for it was rejected; the message says why.
        """
        rejections: list[Rejection] = []
        rejected_before = len(self._rejected)
        for attempt in range(MAX_DRAWS_PER_PAIR):
            outcome = self._attempt(attempt)
            if isinstance(outcome, PromptPair):
                return outcome
            rejections.append(outcome)
            if len(self._rejected) - rejected_before >= MAX_REJECTED_DRAWS_PER_PAIR:
                break
        raise too_few_prompts_error(self._behaviour, len(self.pairs), n_requested, rejections)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Return the finite sources of the variables, with the row that each pair took."""
        return self._variables.factors

    def _attempt(self, attempt: int) -> PromptPair | Rejection:
        rng = np.random.default_rng((self._seed, len(self.pairs), attempt))
        draw = self._variables.draw(rng, attempt)
        if isinstance(draw, Rejection):
            return draw
        rendered = self._renderer.render(draw.values)
        outcome = self._aligned(rendered)
        if isinstance(outcome, Rejection):
            self._variables.reject(draw, outcome)
        else:
            self._variables.accept(draw)
            self._used.add(rendered.clean.text)
        return outcome

    def _aligned(self, rendered: RenderedPair) -> PromptPair | Rejection:
        if rendered.clean.text in self._used:
            return Rejection("repeat", "another pair already has this clean prompt")
        outcome = self._rejected.get(rendered) or align_pair(
            rendered, self._tokenization, score=self._score, by_labels=self._by_labels
        )
        if isinstance(outcome, Rejection):
            self._rejected[rendered] = outcome
        return outcome


def _validate_pair(pair: PromptPair, earlier: list[PromptPair], behaviour: str, n_ctx: int | None) -> None:
    forced = max(len(tokens) for tokens in (*pair.answer_tokens, *pair.foil_tokens)) - 1
    length = max(len(prompt.tokens) for prompt in (pair.clean, pair.corrupt)) + forced
    if n_ctx is not None and length > n_ctx:
        with_it = f", {forced} of which are a continuation," if forced else ","
        raise MiChecksError(
            f"behaviour {behaviour!r}: a prompt is {length} tokens long{with_it} but the model reads at most {n_ctx}; "
            "shorten the template or lower the `length` of its random tokens"
        )
    if earlier and set(pair.clean.labels) != set(earlier[0].clean.labels):
        odd = ", ".join(sorted(set(pair.clean.labels) ^ set(earlier[0].clean.labels)))
        raise MiChecksError(
            f"behaviour {behaviour!r}: label {odd} is in some prompts but not in others; every prompt needs every label"
        )
