"""Rendered texts → a token-aligned prompt pair, or the reason why they are none."""

from __future__ import annotations

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END, Prompt, PromptPair
from mi_checks.prompts.marks import Marked
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import Rendered
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible


def tokenized(marked: Marked, tokenization: Tokenization) -> Prompt:
    """Tokens of a rendered prompt, and for each label every token that shares a character with it.

    A token that crosses a label's edge belongs to the label: in `the {{ w | at('W') }}` the token ` word` carries
    the space too, and it is where the model holds the word.

    Raises:
        MiChecksError: the tokenizer cannot read the text, or drops all of a label's.
    """
    ids, spans = tokenization.encode(marked.text)
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


def align(rendered: Rendered, tokenization: Tokenization) -> PromptPair | Rejection:
    """The pair, if clean and corrupt differ, are equally long, carry each label at the same positions, and are
    continued by answer and foils with the same first tokens, the answer's unlike any foil's.

    Raises:
        MiChecksError: the tokenizer cannot read a text.
    """
    clean = tokenized(rendered.clean, tokenization)
    corrupt = tokenized(rendered.corrupt, tokenization)
    both = (clean, corrupt)
    if clean.tokens == corrupt.tokens:
        return Rejection("identical", "clean and corrupt prompt are the same", both)
    if len(clean.tokens) != len(corrupt.tokens):
        counts = f"{len(clean.tokens)} tokens and {len(corrupt.tokens)}"
        return Rejection("length", f"clean and corrupt prompt are not equally long: {counts}", both)
    for label in sorted({*clean.labels, *corrupt.labels}):
        if clean.labels.get(label) != corrupt.labels.get(label):
            where = (
                f"{_positions(clean, label)} of the clean prompt and {_positions(corrupt, label)} of the corrupt one"
            )
            return Rejection("labels", f"label {label!r} is at {where}", both)
    firsts: list[int] = []
    for what, text in (("answer", rendered.answer), *(("foil", foil) for foil in rendered.foils)):
        found = _first_token(what, text, both, tokenization)
        if isinstance(found, Rejection):
            return found
        firsts.append(found)
    for foil, token in zip(rendered.foils, firsts[1:], strict=True):
        if token == firsts[0]:
            shared = f"share their first token '{visible(tokenization.piece(token))}'"
            return Rejection("first_token", f"answer {rendered.answer!r} and foil {foil!r} {shared}", both)
    return PromptPair(clean, corrupt, rendered.answer, rendered.foils, firsts[0], tuple(firsts[1:]))


def _positions(prompt: Prompt, label: str) -> str:
    places = prompt.labels.get(label)
    if places is None:
        return "no token"
    return f"token{'' if len(places) == 1 else 's'} {', '.join(map(str, places))}"


def _first_token(what: str, text: str, both: tuple[Prompt, Prompt], tokenization: Tokenization) -> int | Rejection:
    shift = 0 if tokenization.bos is None else 1
    found: list[int] = []
    for prompt in both:
        ids = tokenization.encode(prompt.text + text)[0]
        own = prompt.tokens[shift:]
        if ids[: len(own)] != own or len(ids) == len(own):
            return Rejection("continuation", _joined(what, text, own, ids, tokenization), both)
        found.append(ids[len(own)])
    if found[0] != found[1]:
        first, second = (visible(tokenization.piece(token)) for token in found)
        why = f"{what} {text!r} begins with token '{first}' after the clean prompt, '{second}' after the corrupt one"
        return Rejection("continuation", why, both)
    return found[0]


def _joined(what: str, text: str, own: tuple[int, ...], ids: tuple[int, ...], tokenization: Tokenization) -> str:
    pairs = enumerate(zip(own, ids, strict=False))
    place = next((place for place, (one, other) in pairs if one != other), len(own) - 1)
    was, became = (visible(tokenization.piece(tokens[place])) for tokens in (own, ids))
    return f"with {what} {text!r} written after it, the prompt's token '{was}' becomes '{became}'"
