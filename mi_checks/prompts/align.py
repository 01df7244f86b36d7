"""Alignment of rendered texts into a prompt pair that corresponds token by token or label by label, or a rejection."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END, Prompt, PromptPair
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import LabelledText, RenderedPair
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible
from mi_checks.spec.scoring import FIRST_DIFFERENCE, FIRST_TOKEN, LOG_PROBABILITY


@dataclass(frozen=True)
class ContinuationTokens:
    """The tokens of answers and foils that are appended to the prompts, and those that are scored.

    Attributes:
        shared: the tokens with which all of them begin, which are appended to the prompts; empty unless the first
            difference is scored.
        answers: the scored tokens of each answer.
        foils: the scored tokens of each foil.
    """

    shared: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    foils: tuple[tuple[int, ...], ...]


def continuation_tokens(
    rendered: RenderedPair, both: tuple[Prompt, Prompt], tokenization: Tokenization, score: str
) -> ContinuationTokens | Rejection:
    """Return the scored tokens of answers and foils, or a rejection.

    They must be the same after both prompts, and no answer may have the tokens of a foil.
    """
    texts = [("answer", text) for text in rendered.answers] + [("foil", text) for text in rendered.foils]
    whole = score in (FIRST_DIFFERENCE, LOG_PROBABILITY)
    ids: list[tuple[int, ...]] = []
    for what, text in texts:
        tokens = _tokens(what, text, both, tokenization, whole=whole)
        if isinstance(tokens, Rejection):
            return tokens
        ids.append(tokens)
    count = len(rendered.answers)
    shared = _common_prefix(ids) if score == FIRST_DIFFERENCE else ()
    scored = ids if score == LOG_PROBABILITY else [tokens[len(shared) : len(shared) + 1] for tokens in ids]
    for text, tokens in zip(rendered.answers, scored, strict=False):
        for foil, others in zip(rendered.foils, scored[count:], strict=True):
            if not tokens or not others or tokens == others:
                return Rejection(
                    "same_tokens", _same_tokens_message(text, foil, tokens, others, tokenization, score), both
                )
    return ContinuationTokens(shared, tuple(scored[:count]), tuple(scored[count:]))


def _tokens(
    what: str, text: str, both: tuple[Prompt, Prompt], tokenization: Tokenization, *, whole: bool
) -> tuple[int, ...] | Rejection:
    """Return the tokens of a continuation, or only the first, if they are the same after both prompts."""
    shift = 0 if tokenization.bos is None else 1
    after_each: list[tuple[int, ...]] = []
    for prompt in both:
        ids = tokenization.ids(prompt.text + text)
        own = prompt.tokens[shift:]
        if ids[: len(own)] != own or len(ids) == len(own):
            return Rejection("continuation", _merged_token_message(what, text, own, ids, tokenization), both)
        scored = ids[len(own) :] if whole else ids[len(own) : len(own) + 1]
        if lacking := tokenization.without_embedding(scored):
            return Rejection("no_embedding", f"{what} {text!r} {no_embedding_message(lacking[0], tokenization)}", both)
        unknown = None if tokenization.unknown is None else tokenization.piece(tokenization.unknown)
        if unknown is not None and tokenization.unknown in scored and unknown not in text:
            why = f"the tokenizer does not know {what} {text!r} and reads it as the unknown token '{unknown}'"
            return Rejection("unknown", why, both)
        after_each.append(scored)
    if after_each[0] != after_each[1]:
        begins = "is" if whole else "begins with"
        first, second = (_pieces(tokens, tokenization) for tokens in after_each)
        why = f"{what} {text!r} {begins} {first} after the clean prompt, but {second} after the corrupt prompt"
        return Rejection("continuation", why, both)
    return after_each[0]


def no_embedding_message(token: int, tokenization: Tokenization) -> str:
    """Return the message for a text with a token that lies beyond the last row of the embedding."""
    return (
        f"contains the token '{visible(tokenization.piece(token))}' (id {token}), for which the model has "
        f"no embedding: it embeds only {tokenization.rows} tokens"
    )


def _common_prefix(continuation_ids: list[tuple[int, ...]]) -> tuple[int, ...]:
    length = next(
        (place for place, tokens in enumerate(zip(*continuation_ids, strict=False)) if len(set(tokens)) > 1),
        min(map(len, continuation_ids)),
    )
    return continuation_ids[0][:length]


def _same_tokens_message(
    answer: str, foil: str, tokens: tuple[int, ...], others: tuple[int, ...], tokenization: Tokenization, score: str
) -> str:
    if not tokens or not others:
        shorter, longer = (f"answer {answer!r}", f"foil {foil!r}")[:: 1 if not tokens else -1]
        return f"{shorter} has no token left after the tokens that all answers and foils share, but {longer} continues"
    which = {FIRST_DIFFERENCE: "the first token in which any differ", LOG_PROBABILITY: "all their tokens"}
    shared = which.get(score, "their first token")
    return f"answer {answer!r} and foil {foil!r} share {shared} {_quoted(tokens, tokenization)}"


def _pieces(tokens: tuple[int, ...], tokenization: Tokenization) -> str:
    return f"token{'' if len(tokens) == 1 else 's'} {_quoted(tokens, tokenization)}"


def _quoted(tokens: tuple[int, ...], tokenization: Tokenization) -> str:
    return " ".join(f"'{visible(tokenization.piece(token))}'" for token in tokens)


def _merged_token_message(
    what: str, text: str, own: tuple[int, ...], ids: tuple[int, ...], tokenization: Tokenization
) -> str:
    pairs = enumerate(zip(own, ids, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), len(own) - 1)
    was, became = (visible(tokenization.piece(tokens[place])) for tokens in (own, ids))
    return f"if {what} {text!r} follows, the prompt's token '{was}' becomes '{became}'"


def tokenize_prompt(marked: LabelledText, tokenization: Tokenization) -> Prompt:
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
            f"the prompt {visible(marked.text[:60])} begins with {tokenization.piece(tokenization.bos)!r}, the token "
            "that mi-checks puts before every prompt of this model; remove it from the template"
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


def align_pair(
    rendered: RenderedPair, tokenization: Tokenization, *, score: str = FIRST_TOKEN, by_labels: bool = False
) -> PromptPair | Rejection:
    """Return the prompt pair, or a rejection with the reason why there is none.

    Clean and corrupt prompt must differ and correspond, and the answers and foils must continue both with the same
    tokens. They correspond if they have the same length and each label is at the same positions in both, or `by_labels`
    if each label has the same number of tokens in both.

    Raises:
        MiChecksError: the tokenizer cannot read a text.
    """
    clean = tokenize_prompt(rendered.clean, tokenization)
    corrupt = tokenize_prompt(rendered.corrupt, tokenization)
    prompts = (clean, corrupt)
    for what, prompt in (("clean", clean), ("corrupt", corrupt)):
        if lacking := tokenization.without_embedding(prompt.tokens):
            return Rejection(
                "no_embedding", f"the {what} prompt {no_embedding_message(lacking[0], tokenization)}", prompts
            )
    if clean.tokens == corrupt.tokens:
        return Rejection("identical", "the clean and the corrupt prompt are the same", prompts)
    if not by_labels and len(clean.tokens) != len(corrupt.tokens):
        counts = f"{len(clean.tokens)} and {len(corrupt.tokens)} tokens"
        return Rejection("length", f"the clean and the corrupt prompt differ in length: {counts}", prompts)
    for label in sorted({*clean.labels, *corrupt.labels}):
        places = [prompt.labels.get(label) for prompt in prompts]
        same = len(places[0] or ()) == len(places[1] or ()) if by_labels else places[0] == places[1]
        if not same:
            where = (
                f"{_positions(clean, label)} of the clean prompt and {_positions(corrupt, label)} of the corrupt prompt"
            )
            return Rejection("labels", f"label {label!r} is at {where}", prompts)
    scored = continuation_tokens(rendered, prompts, tokenization, score)
    if isinstance(scored, Rejection):
        return scored
    return PromptPair(
        _append_tokens(clean, scored.shared, tokenization),
        _append_tokens(corrupt, scored.shared, tokenization),
        rendered.answers,
        rendered.foils,
        scored.answers,
        scored.foils,
    )


def _append_tokens(prompt: Prompt, tokens: tuple[int, ...], tokenization: Tokenization) -> Prompt:
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
