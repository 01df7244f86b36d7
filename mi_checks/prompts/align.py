"""Alignment of rendered texts into a prompt pair that corresponds token by token or label by label, or a rejection."""

from __future__ import annotations

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END, Prompt, PromptPair
from mi_checks.prompts.continuations import continuations, without_embedding
from mi_checks.prompts.marks import Marked
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import Rendered
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible
from mi_checks.spec.scoring import FIRST_TOKEN


def tokenized(marked: Marked, tokenization: Tokenization) -> Prompt:
    """Return the tokens of a rendered prompt, and for each label every token that shares a character with it.

    A token that crosses a label's edge belongs to the label: in `the {{ w | at('W') }}` the token ` word` includes the
    space, and it is the token at which the model represents the word.

    Raises:
        MiChecksError: the tokenizer cannot read the text or drops all text of a label, or the text begins with the
            beginning-of-sequence token, which every prompt begins with already.
    """
    ids, spans = tokenization.encode(marked.text)
    if tokenization.bos is not None and ids[:1] == (tokenization.bos,):
        raise MiChecksError(
            f"the prompt {visible(marked.text[:60])} begins with {tokenization.piece(tokenization.bos)!r}, and every "
            "prompt of this model begins with that token already: leave it out of the template, or it would stand "
            "there twice"
        )
    shift = 0 if tokenization.bos is None else 1
    tokens = ids if tokenization.bos is None else (tokenization.bos, *ids)
    labels = {
        label: tuple(place + shift for place, (start, end) in enumerate(spans) if start < to and end > since)
        for label, (since, to) in marked.spans.items()
    }
    for label, places in labels.items():
        if not places:
            raise MiChecksError(f"label {label!r} has no token: the tokenizer drops its text from {marked.text!r}")
    labels[END] = (len(tokens) - 1,)
    return Prompt(marked.text, tokens, tuple(tokenization.piece(token) for token in tokens), labels)


def align(
    rendered: Rendered, tokenization: Tokenization, *, score: str = FIRST_TOKEN, by_labels: bool = False
) -> PromptPair | Rejection:
    """Return the prompt pair, or a rejection with the reason why there is none.

    Clean and corrupt prompt must differ and correspond, and the answers and foils must continue both with the same
    tokens. They correspond if they have the same length and each label is at the same positions in both, or `by_labels`
    if each label has the same number of tokens in both.

    Raises:
        MiChecksError: the tokenizer cannot read a text.
    """
    clean = tokenized(rendered.clean, tokenization)
    corrupt = tokenized(rendered.corrupt, tokenization)
    prompts = (clean, corrupt)
    for what, prompt in (("clean", clean), ("corrupt", corrupt)):
        if lacking := tokenization.lacks(prompt.tokens):
            return Rejection(
                "no_embedding", f"the {what} prompt {without_embedding(lacking[0], tokenization)}", prompts
            )
    if clean.tokens == corrupt.tokens:
        return Rejection("identical", "clean and corrupt prompt are the same", prompts)
    if not by_labels and len(clean.tokens) != len(corrupt.tokens):
        counts = f"{len(clean.tokens)} tokens and {len(corrupt.tokens)}"
        return Rejection("length", f"clean and corrupt prompt are not equally long: {counts}", prompts)
    for label in sorted({*clean.labels, *corrupt.labels}):
        places = [prompt.labels.get(label) for prompt in prompts]
        same = len(places[0] or ()) == len(places[1] or ()) if by_labels else places[0] == places[1]
        if not same:
            where = (
                f"{_positions(clean, label)} of the clean prompt and {_positions(corrupt, label)} of the corrupt one"
            )
            return Rejection("labels", f"label {label!r} is at {where}", prompts)
    continuation_tokens = continuations(rendered, prompts, tokenization, score)
    if isinstance(continuation_tokens, Rejection):
        return continuation_tokens
    return PromptPair(
        _continued(clean, continuation_tokens.shared, tokenization),
        _continued(corrupt, continuation_tokens.shared, tokenization),
        rendered.answers,
        rendered.foils,
        continuation_tokens.answers,
        continuation_tokens.foils,
    )


def _continued(prompt: Prompt, tokens: tuple[int, ...], tokenization: Tokenization) -> Prompt:
    """Return the prompt with tokens appended, the last of which becomes END."""
    if not tokens:
        return prompt
    pieces = tuple(tokenization.piece(token) for token in tokens)
    labels = {**prompt.labels, END: (len(prompt.tokens) + len(tokens) - 1,)}
    return Prompt(prompt.text + "".join(pieces), prompt.tokens + tokens, prompt.pieces + pieces, labels)


def _positions(prompt: Prompt, label: str) -> str:
    places = prompt.labels.get(label)
    if places is None:
        return "no token"
    return f"token{'' if len(places) == 1 else 's'} {', '.join(map(str, places))}"
