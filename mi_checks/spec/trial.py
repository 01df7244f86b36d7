"""A trial rendering of a template with typical values, to see how much text it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mi_checks.spec.template import environment
from mi_checks.spec.text_environment import TooMuchText
from mi_checks.spec.variables import AnyVariable, FromValues, RandomTokens, Row, SameAs

_WORD = " abcdefghijklmnopqrstuvwxyz"  # stands for a token or a pool's word; has every letter that a filter may need


def overflow(text: str, variables: Mapping[str, AnyVariable]) -> str | None:
    """Return why a template makes more text than it may, with its longest or first values, or None if it does not.

    Args:
        text: a template that is well-formed and names only variables that exist.
        variables: those variables. Values that are written down, or read from a file, are used as they are.
    """
    env = environment()
    template = env.from_string(text)
    for choose in (_longest, _first):
        values = {name: _value(variable, variables, choose) for name, variable in variables.items()}
        try:
            env.rendered(template, values)
        except TooMuchText as error:
            return str(error)
        except Exception:  # noqa: S112  # other errors depend on the values, and are reported when these are drawn
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
