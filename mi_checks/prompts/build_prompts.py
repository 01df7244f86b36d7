"""Construction of a prompt batch by drawing, rendering and aligning until it has the requested number of pairs."""

from __future__ import annotations

import numpy as np

from mi_checks.errors import MiChecksError
from mi_checks.prompts.align import align
from mi_checks.prompts.batch import PromptBatch, PromptPair
from mi_checks.prompts.draw_variables import Variables
from mi_checks.prompts.quoted import QuotedPairs
from mi_checks.prompts.rejection import Rejection, TooFewPrompts
from mi_checks.prompts.render import Rendered, Renderer
from mi_checks.prompts.shortfall import too_few
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import AnyPrompts, Prompts
from mi_checks.spec.quotes import QuotedPrompts

MAX_REJECTED_DRAWS = 50  # distinct draws per pair; a template that fails more often is wrong, not unlucky
MAX_DRAWS = 2000  # per pair, including repeats, which are cheap; the last unused value of a small pool is rarely drawn


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
        TooFewPrompts: a variable has no values, or there are not enough distinct pairs whose clean and corrupt prompts
            align.
        MiChecksError: a template fails, or a prompt is longer than `n_ctx`.
    """
    pair_count = prompts.pairs if count is None else count
    if pair_count < 1:
        raise MiChecksError(f"behaviour {behaviour!r}: asked for {pair_count} prompt pairs; at least 1 is needed")
    seed = prompts.seed if seed is None else seed
    try:
        builder = (
            QuotedPairs(prompts, tokenization, behaviour, seed)
            if isinstance(prompts, QuotedPrompts)
            else _DrawnPairs(prompts, tokenization, behaviour, seed)
        )
    except TooFewPrompts as error:
        raise TooFewPrompts(str(error), error.found, pair_count) from None
    while len(builder.pairs) < pair_count:
        pair = builder.next_pair(pair_count)
        _check(pair, builder.pairs, behaviour, n_ctx)
        builder.pairs.append(pair)
    return PromptBatch(
        tuple(builder.pairs),
        foil_reduction=prompts.foil_reduction,
        answer_reduction=prompts.answer_reduction,
        score=prompts.score,
        by_labels=prompts.align == "labels",
    )


class _DrawnPairs:
    def __init__(self, prompts: Prompts, tokenization: Tokenization, behaviour: str, seed: int) -> None:
        self.pairs: list[PromptPair] = []
        self._variables = Variables(prompts.variables, tokenization, behaviour)
        self._renderer = Renderer(prompts, behaviour)
        self._score = prompts.score
        self._by_labels = prompts.align == "labels"
        self._tokenization = tokenization
        self._behaviour = behaviour
        self._seed = seed
        self._used: set[str] = set()
        self._rejected: dict[Rendered, Rejection] = {}

    def next_pair(self, asked: int) -> PromptPair:
        """Return the next pair.

        Raises:
            TooFewPrompts: every draw for it was rejected; the message says why.
        """
        rejections: list[Rejection] = []
        rejected_before = len(self._rejected)
        for attempt in range(MAX_DRAWS):
            outcome = self._attempt(np.random.default_rng((self._seed, len(self.pairs), attempt)))
            if isinstance(outcome, PromptPair):
                return outcome
            rejections.append(outcome)
            if len(self._rejected) - rejected_before >= MAX_REJECTED_DRAWS:
                break
        raise too_few(self._behaviour, len(self.pairs), asked, rejections)

    def _attempt(self, rng: np.random.Generator) -> PromptPair | Rejection:
        values = self._variables.draw(rng)
        if isinstance(values, Rejection):
            return values
        rendered = self._renderer.render(values)
        if rendered.clean.text in self._used:
            return Rejection("repeat", "the clean prompt is one that another pair has already")
        outcome = self._rejected.get(rendered) or align(
            rendered, self._tokenization, score=self._score, by_labels=self._by_labels
        )
        if isinstance(outcome, Rejection):
            self._rejected[rendered] = outcome
        else:
            self._used.add(rendered.clean.text)
        return outcome


def _check(pair: PromptPair, earlier: list[PromptPair], behaviour: str, n_ctx: int | None) -> None:
    forced = max(len(tokens) for tokens in (*pair.answer_tokens, *pair.foil_tokens)) - 1
    length = max(len(prompt.tokens) for prompt in (pair.clean, pair.corrupt)) + forced
    if n_ctx is not None and length > n_ctx:
        with_it = f" with {forced} of a continuation" if forced else ""
        raise MiChecksError(
            f"behaviour {behaviour!r}: a prompt is {length} tokens long{with_it}, and the model reads at most {n_ctx}: "
            "shorten the template or the `length` of its random tokens"
        )
    if earlier and set(pair.clean.labels) != set(earlier[0].clean.labels):
        odd = ", ".join(sorted(set(pair.clean.labels) ^ set(earlier[0].clean.labels)))
        raise MiChecksError(
            f"behaviour {behaviour!r}: label {odd} is in some prompts and not in others: every prompt needs every label"
        )
