"""A template rendered once with values such as it will have, to see how much text it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mi_checks.spec.template import environment
from mi_checks.spec.text_environment import TooMuchText
from mi_checks.spec.variables import AnyVariable, FromValues, RandomTokens, Row, SameAs

_WORD = " abcdefghijklmnopqrstuvwxyz"  # in place of a token or of a pool's word: whatever a filter looks for is in it


def overflow(text: str, variables: Mapping[str, AnyVariable]) -> str | None:
    """Return why a template makes more text than it may, with the longest values or the first; None where it does not.

    Args:
        text: a template that is well-formed and names variables that exist.
        variables: those, of which values that are written down, or read from a file, are taken as they are.
    """
    env = environment()
    template = env.from_string(text)
    for choose in (_longest, _first):
        values = {name: _value(variable, variables, choose) for name, variable in variables.items()}
        try:
            env.rendered(template, values)
        except TooMuchText as error:
            return str(error)
        except Exception:  # noqa: S112  # what else may go wrong depends on the values, and is told when they are drawn
            continue
    return None


def _value(
    variable: AnyVariable, variables: Mapping[str, AnyVariable], choose: Callable[[tuple[Row, ...]], Row]
) -> Row:
    if isinstance(variable, SameAs):
        other = variables[variable.same_as]
        return "" if isinstance(other, SameAs) else _value(other, variables, choose)
    if isinstance(variable, FromValues):
        return choose(variable.values)
    return _WORD * (variable.length if isinstance(variable, RandomTokens) else 1)


def _first(values: tuple[Row, ...]) -> Row:
    return values[0]


def _longest(values: tuple[Row, ...]) -> Row:
    return max(values, key=lambda row: len(row) if isinstance(row, str) else sum(map(len, row.values())))
