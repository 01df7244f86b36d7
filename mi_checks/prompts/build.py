"""Drawing, rendering and aligning until there are as many prompt pairs as asked for."""

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

REJECTED = 50  # different draws that may fail for one pair: a template that fails so often is wrong, not unlucky
DRAWN = 2000  # draws for one pair, repeats included: they cost little, and the last value of a small pool comes late


def build_prompts(
    prompts: AnyPrompts,
    tokenization: Tokenization,
    *,
    behaviour: str,
    count: int | None = None,
    seed: int | None = None,
    n_ctx: int | None = None,
) -> PromptBatch:
    """The prompt pairs of a behaviour under a tokenizer, no clean prompt twice.

    Pair i depends on the seed and on nothing that comes after it: fewer pairs are the first of more.

    Args:
        prompts: how they are made.
        tokenization: the model's tokenizer.
        behaviour: the name that errors give.
        count: pairs, instead of the behaviour's own.
        seed: seed, instead of the behaviour's own.
        n_ctx: tokens the model reads at most, the beginning-of-sequence token included.

    Raises:
        TooFewPrompts: a variable has no values, or there are not enough distinct pairs whose clean and corrupt prompts
            align.
        MiChecksError: a template fails, or a prompt is longer than `n_ctx`.
    """
    asked = prompts.pairs if count is None else count
    if asked < 1:
        raise MiChecksError(f"behaviour {behaviour!r}: asked for {asked} prompt pairs; at least 1 is needed")
    seed = prompts.seed if seed is None else seed
    try:
        builder = (
            QuotedPairs(prompts, tokenization, behaviour, seed)
            if isinstance(prompts, QuotedPrompts)
            else _DrawnPairs(prompts, tokenization, behaviour, seed)
        )
    except TooFewPrompts as none:
        raise TooFewPrompts(str(none), none.found, asked) from None
    while len(builder.pairs) < asked:
        pair = builder.next_pair(asked)
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
        """The next pair of those asked for; the error says why every draw for it was rejected."""
        rejections: list[Rejection] = []
        known = len(self._rejected)
        for attempt in range(DRAWN):
            outcome = self._attempt(np.random.default_rng((self._seed, len(self.pairs), attempt)))
            if isinstance(outcome, PromptPair):
                return outcome
            rejections.append(outcome)
            if len(self._rejected) - known >= REJECTED:
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
