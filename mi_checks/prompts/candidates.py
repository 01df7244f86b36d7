"""The values that a variable may take under one tokenizer, from its pool, list or the vocabulary, by its predicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mi_checks.errors import MiChecksError
from mi_checks.prompts.rejection import TooFewPromptsError
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.prompts.visible import visible_tokens
from mi_checks.spec.template import MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR
from mi_checks.spec.variables import (
    FromFile,
    FromPool,
    FromValues,
    Predicate,
    RandomTokens,
    SuppliedValues,
    pool_values,
)


def _without_space(value: str) -> str:
    return value.removeprefix(" ")


def _with_space(value: str) -> str:
    return " " + _without_space(value)


def _known_token_count(text: str, tokenization: Tokenization) -> int:
    """Return the number of tokens in a text, or 0 if one of them is the unknown token."""
    ids = tokenization.ids_after(text)
    return 0 if tokenization.unknown in ids else len(ids)


_PREDICATES: dict[Predicate, Callable[[str, Tokenization], bool]] = {
    "single_token": lambda value, by: _known_token_count(value, by) == 1,
    "single_token_after_space": lambda value, by: _known_token_count(_with_space(value), by) == 1,
    "splits_in_two": lambda value, by: (
        _known_token_count(_with_space(value), by) == 1 and _known_token_count(_without_space(value), by) == 2
    ),
    "leading_space": lambda value, _: value.startswith(" "),
    "alphabetic": lambda value, _: _without_space(value).isalpha(),
}


def passes(predicate: Predicate, value: str, tokenization: Tokenization) -> bool:
    """Return whether a value has the property.

    `single_token`: the value as written is one token. `single_token_after_space`: it is one token after a space.
    `splits_in_two`: one token after a space, and exactly two after a text without one. `leading_space`: it begins with
    a space. `alphabetic`: only letters, apart from one leading space.
    """
    return _PREDICATES[predicate](value, tokenization)


def describe_tokens(predicate: Predicate, value: str, tokenization: Tokenization) -> str:
    """Return the forms of a value that the predicate tests, with their tokens, to show why it does not pass."""
    forms = {
        "single_token_after_space": (_with_space(value),),
        "splits_in_two": (_with_space(value), _without_space(value)),
    }.get(predicate, (value,))
    return " and ".join(_token_list_text(form, tokenization) for form in forms)


def _token_list_text(text: str, tokenization: Tokenization) -> str:
    pieces = tokenization.pieces(text)
    return f"{text!r} is {len(pieces)} token{'' if len(pieces) == 1 else 's'}: {visible_tokens(pieces)}"


Value = str | Mapping[str, str]  # a mapping is a row: `{{ case.field }}`
DrawnVariable = RandomTokens | FromPool | FromValues | FromFile


def value_texts(value: Value) -> tuple[str, ...]:
    """Return the value itself, or the texts of a row's fields."""
    return (value,) if isinstance(value, str) else tuple(value.values())


def value_repr(value: Value) -> str:
    """Return the value as error messages give it."""
    return repr(value if isinstance(value, str) else dict(value))


def candidates(name: str, variable: DrawnVariable, tokenization: Tokenization, behaviour: str) -> tuple[Value, ...]:
    """Return every value that the variable may take, in a fixed order; all fields of a row must pass the predicates.

    Raises:
        TooFewPromptsError: no value passes the predicates, or the vocabulary has no words to draw at random.
        MiChecksError: the pool is unknown, a value contains a character that templates use as a mark, or the vocabulary
            has fewer words than the variable needs distinct random tokens.
    """
    origin, values = _all_values(name, variable, tokenization, behaviour)
    removed: list[tuple[Predicate, int]] = []
    for predicate in variable.where:
        passing = tuple(
            value for value in values if all(passes(predicate, text, tokenization) for text in value_texts(value))
        )
        removed.append((predicate, len(values) - len(passing)))
        if not passing:
            raise TooFewPromptsError(_no_value_message(name, origin, removed, values, tokenization, behaviour), 0)
        values = passing
    if isinstance(variable, RandomTokens) and variable.distinct and len(values) < variable.length:
        raise MiChecksError(
            f"behaviour {behaviour!r}: variable {name!r} needs {variable.length} distinct tokens, but only "
            f"{len(values)} are available; lower its `length`, or remove predicates from its `where`"
        )
    return values


def _all_values(name: str, variable: DrawnVariable, by: Tokenization, behaviour: str) -> tuple[str, tuple[Value, ...]]:
    if isinstance(variable, RandomTokens):
        words = tuple(text for _, text in by.word_tokens())
        if not words:
            raise TooFewPromptsError(
                f"behaviour {behaviour!r}: variable {name!r} draws random tokens, but this tokenizer has no token that "
                "is a space followed by letters; give the variable a `pool` or `values` instead",
                0,
            )
        return "the vocabulary's words", words
    if isinstance(variable, FromPool):
        try:
            return f"pool {variable.pool!r}", pool_values(variable.pool)
        except MiChecksError as error:
            raise MiChecksError(f"behaviour {behaviour!r}: variable {name!r}: {error}") from None
    if isinstance(variable, FromFile):
        raise MiChecksError(
            f"behaviour {behaviour!r}: variable {name!r} has no rows yet; "
            "load the behaviour with load_behaviour, which reads its file"
        )
    if isinstance(variable, SuppliedValues):
        return variable.origin, _without_duplicates(variable.values)  # validated when they were read
    for value in variable.values:
        for text in value_texts(value):
            if any(mark in text for mark in (MARK_OPEN, MARK_SEPARATOR, MARK_CLOSE)):
                raise MiChecksError(
                    f"behaviour {behaviour!r}: the value {text!r} of variable {name!r} contains a character "
                    "that is reserved for labels (U+E000 to U+E002); remove it"
                )
    return "its `values`", _without_duplicates(variable.values)


def _without_duplicates(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values in order without duplicates, so that a repeated value is not drawn more often."""
    first: dict[object, Value] = {}
    for value in values:
        first.setdefault(value if isinstance(value, str) else tuple(value.items()), value)
    return tuple(first.values())


def _no_value_message(
    name: str,
    origin: str,
    removed: list[tuple[Predicate, int]],
    last: tuple[Value, ...],
    by: Tokenization,
    behaviour: str,
) -> str:
    culprit = removed[-1][0]
    example = next(text for text in value_texts(last[0]) if not passes(culprit, text, by))
    before = sum(number for _, number in removed)
    steps = ", then ".join(f"`{predicate}` removed {number}" for predicate, number in removed)
    return (
        f"behaviour {behaviour!r}: no value is left for variable {name!r}\n"
        f"  candidates: {before} from {origin}; {steps}\n"
        f"  for example, {describe_tokens(culprit, example, by)}\n"
        f"  remedy: remove `{culprit}` from the variable's `where`, or give it other values; "
        "tokenizers differ in what is a single token"
    )
