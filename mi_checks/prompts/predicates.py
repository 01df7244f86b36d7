"""The predicates of a variable's `where`. A space with which a value begins already is never doubled.

Tokens are counted as in the middle of a text, where templates put most values: tokenizers that write a space before
every text (Llama 2's) would count a token for that space if the value stood alone.
"""

from __future__ import annotations

from collections.abc import Callable

from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible_tokens
from mi_checks.spec.variables import Predicate


def _bare(value: str) -> str:
    return value.removeprefix(" ")


def _spaced(value: str) -> str:
    return " " + _bare(value)


def _tokens(text: str, tokenization: Tokenization) -> int:
    """Return the number of tokens in a text, or 0 if one of them is the unknown token."""
    ids = tokenization.ids_after(text)
    return 0 if tokenization.unknown in ids else len(ids)


_PREDICATES: dict[Predicate, Callable[[str, Tokenization], bool]] = {
    "single_token": lambda value, by: _tokens(value, by) == 1,
    "single_token_after_space": lambda value, by: _tokens(_spaced(value), by) == 1,
    "splits_in_two": lambda value, by: _tokens(_spaced(value), by) == 1 and _tokens(_bare(value), by) == 2,
    "leading_space": lambda value, _: value.startswith(" "),
    "alphabetic": lambda value, _: _bare(value).isalpha(),
}


def passes(predicate: Predicate, value: str, tokenization: Tokenization) -> bool:
    """Return whether a value has the property.

    `single_token`: the value as written is one token. `single_token_after_space`: it is one token after a space.
    `splits_in_two`: one token after a space, and exactly two after a text without one. `leading_space`: it begins with
    a space. `alphabetic`: only letters, apart from one leading space.
    """
    return _PREDICATES[predicate](value, tokenization)


def tokens_shown(predicate: Predicate, value: str, tokenization: Tokenization) -> str:
    """Return the forms of a value that the predicate tests, with their tokens, to show why it does not pass."""
    forms = {
        "single_token_after_space": (_spaced(value),),
        "splits_in_two": (_spaced(value), _bare(value)),
    }.get(predicate, (value,))
    return " and ".join(_counted(form, tokenization) for form in forms)


def _counted(text: str, tokenization: Tokenization) -> str:
    pieces = tokenization.pieces(text)
    return f"{text!r} is {len(pieces)} token{'' if len(pieces) == 1 else 's'}: {visible_tokens(pieces)}"
