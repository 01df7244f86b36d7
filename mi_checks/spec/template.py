"""The template language of prompts, a small sandboxed subset of Jinja2: its labels, and trial renderings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from jinja2 import nodes

from mi_checks.spec.text_environment import TextEnvironment, TooMuchTextError
from mi_checks.spec.variables import AnyVariable, FromValues, ListedValue, RandomTokens, SameAs

# Private-use characters, which no prompt contains by accident; the prompts stage refuses values that contain them.
MARK_OPEN = "\ue000"
MARK_SEPARATOR = "\ue001"
MARK_CLOSE = "\ue002"

END = "END"  # the label of every prompt's last token; templates may not use it


def mark(text: object, label: str) -> str:
    """Return the text with marks from which the prompts stage finds its position (the filter `at`)."""
    return f"{MARK_OPEN}{label}{MARK_SEPARATOR}{text}{MARK_CLOSE}"


def environment() -> TextEnvironment:
    """Return the environment in which prompts are rendered, with the filter `at`."""
    return TextEnvironment({"at": mark})


_PARSER = environment()


@lru_cache(maxsize=256)
def parse_template(text: str) -> nodes.Template:
    """Return the syntax tree of a template, which must not be modified.

    Raises:
        TemplateSyntaxError: jinja2 cannot parse it, or it is too large.
    """
    return _PARSER.parsed(text)


def unobstructed_marks(tree: nodes.Template) -> Iterator[nodes.Filter]:
    """Yield the uses of `at` whose mark nothing rewrites.

    They are last in their `{{ … }}`, or followed only by '~', 'if' and other uses of `at`.
    """
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            yield from _outermost(node)


def _outermost(node: nodes.Node | None) -> Iterator[nodes.Filter]:
    if isinstance(node, nodes.Filter) and node.name == "at":
        yield node
        yield from _outermost(node.node)
    elif isinstance(node, nodes.Concat):
        for part in node.nodes:
            yield from _outermost(part)
    elif isinstance(node, nodes.CondExpr):
        yield from _outermost(node.expr1)
        yield from _outermost(node.expr2)


def label_of(use: nodes.Filter) -> str | None:
    """Return the label that an `at` gives, or None if its argument is not exactly one literal identifier."""
    if len(use.args) != 1 or use.kwargs or use.dyn_args is not None or use.dyn_kwargs is not None:
        return None
    argument = use.args[0]
    if not isinstance(argument, nodes.Const) or not isinstance(argument.value, str):
        return None
    return argument.value if argument.value.isascii() and argument.value.isidentifier() else None


def template_labels(template: str) -> tuple[str, ...]:
    """Return the labels of a template, in order.

    Raises:
        TemplateSyntaxError: the template is not well-formed.
    """
    labels = (label_of(use) for use in unobstructed_marks(parse_template(template)))
    return tuple(label for label in labels if label is not None)


# Stands for a token or a pool's word; has every letter that a filter may need.
_TYPICAL_WORD = " abcdefghijklmnopqrstuvwxyz"


def too_much_text(text: str, variables: Mapping[str, AnyVariable]) -> str | None:
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
        except TooMuchTextError as error:
            return str(error)
        except Exception:  # noqa: S112  # other errors depend on the values, and are reported when these are drawn
            continue
    return None


def _value(
    variable: AnyVariable,
    variables: Mapping[str, AnyVariable],
    choose: Callable[[tuple[ListedValue, ...]], ListedValue],
) -> ListedValue:
    if isinstance(variable, SameAs):
        other = variables[variable.same_as]
        return "" if isinstance(other, SameAs) else _value(other, variables, choose)
    if isinstance(variable, FromValues):
        return choose(variable.values)
    return _TYPICAL_WORD * (variable.length if isinstance(variable, RandomTokens) else 1)


def _first(values: tuple[ListedValue, ...]) -> ListedValue:
    return values[0]


def _longest(values: tuple[ListedValue, ...]) -> ListedValue:
    return max(values, key=lambda row: len(row) if isinstance(row, str) else sum(map(len, row.values())))
