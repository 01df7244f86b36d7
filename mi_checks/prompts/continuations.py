"""The scored tokens of the answers and foils that continue a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.prompts.batch import Prompt
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import Rendered
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible
from mi_checks.spec.scoring import FIRST_DIFFERENCE, LOG_PROBABILITY


@dataclass(frozen=True)
class Continuations:
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


def continuations(
    rendered: Rendered, both: tuple[Prompt, Prompt], tokenization: Tokenization, score: str
) -> Continuations | Rejection:
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
    shared = _shared(ids) if score == FIRST_DIFFERENCE else ()
    scored = ids if score == LOG_PROBABILITY else [tokens[len(shared) : len(shared) + 1] for tokens in ids]
    for text, tokens in zip(rendered.answers, scored, strict=False):
        for foil, others in zip(rendered.foils, scored[count:], strict=True):
            if not tokens or not others or tokens == others:
                return Rejection("same_tokens", _alike(text, foil, tokens, others, tokenization, score), both)
    return Continuations(shared, tuple(scored[:count]), tuple(scored[count:]))


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
            return Rejection("continuation", _joined(what, text, own, ids, tokenization), both)
        scored = ids[len(own) :] if whole else ids[len(own) : len(own) + 1]
        if lacking := tokenization.lacks(scored):
            return Rejection("no_embedding", f"{what} {text!r} {without_embedding(lacking[0], tokenization)}", both)
        unknown = None if tokenization.unknown is None else tokenization.piece(tokenization.unknown)
        if unknown is not None and tokenization.unknown in scored and unknown not in text:
            why = f"the tokenizer does not know {what} {text!r}: it reads it as '{unknown}', as all it does not know"
            return Rejection("unknown", why, both)
        after_each.append(scored)
    if after_each[0] != after_each[1]:
        begins = "is" if whole else "begins with"
        first, second = (_pieces(tokens, tokenization) for tokens in after_each)
        why = f"{what} {text!r} {begins} {first} after the clean prompt, {second} after the corrupt one"
        return Rejection("continuation", why, both)
    return after_each[0]


def without_embedding(token: int, tokenization: Tokenization) -> str:
    """Return the message for a text with a token that lies beyond the last row of the embedding."""
    return (
        f"holds the token '{visible(tokenization.piece(token))}' (id {token}), for which the model has no embedding: "
        f"it embeds {tokenization.rows} tokens"
    )


def _shared(continuation_ids: list[tuple[int, ...]]) -> tuple[int, ...]:
    length = next(
        (place for place, tokens in enumerate(zip(*continuation_ids, strict=False)) if len(set(tokens)) > 1),
        min(map(len, continuation_ids)),
    )
    return continuation_ids[0][:length]


def _alike(
    answer: str, foil: str, tokens: tuple[int, ...], others: tuple[int, ...], tokenization: Tokenization, score: str
) -> str:
    if not tokens or not others:
        shorter, longer = (f"answer {answer!r}", f"foil {foil!r}")[:: 1 if not tokens else -1]
        return f"{shorter} has no token left after what all of them begin with, and {longer} goes on"
    which = {FIRST_DIFFERENCE: "the first token in which any differ", LOG_PROBABILITY: "all their tokens"}
    shared = which.get(score, "their first token")
    return f"answer {answer!r} and foil {foil!r} share {shared} {_quoted(tokens, tokenization)}"


def _pieces(tokens: tuple[int, ...], tokenization: Tokenization) -> str:
    return f"token{'' if len(tokens) == 1 else 's'} {_quoted(tokens, tokenization)}"


def _quoted(tokens: tuple[int, ...], tokenization: Tokenization) -> str:
    return " ".join(f"'{visible(tokenization.piece(token))}'" for token in tokens)


def _joined(what: str, text: str, own: tuple[int, ...], ids: tuple[int, ...], tokenization: Tokenization) -> str:
    pairs = enumerate(zip(own, ids, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), len(own) - 1)
    was, became = (visible(tokenization.piece(tokens[place])) for tokens in (own, ids))
    return f"with {what} {text!r} written after it, the prompt's token '{was}' becomes '{became}'"
