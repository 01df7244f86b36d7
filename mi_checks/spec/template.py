"""The template language of prompts: a small, sandboxed part of Jinja2, and the labels a template names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from jinja2 import nodes

from mi_checks.spec.text_environment import TextEnvironment

# Private-use characters, so that no prompt contains them by accident; the prompts stage refuses values that do.
OPEN = "\ue000"
SEP = "\ue001"
CLOSE = "\ue002"

END = "END"  # the label of every prompt's last token; a template may not give it to another place


def mark(text: object, label: str) -> str:
    """The filter `at`: text wrapped so that the prompts stage finds where it came to stand."""
    return f"{OPEN}{label}{SEP}{text}{CLOSE}"


def environment() -> TextEnvironment:
    """Return an environment that prompts are rendered in, with the filter `at`."""
    return TextEnvironment({"at": mark})


_PARSER = environment()


@lru_cache(maxsize=256)
def parsed(text: str) -> nodes.Template:
    """Return the syntax tree of a template, not to be changed; jinja2's TemplateSyntaxError where there is none."""
    return _PARSER.parsed(text)


def marked(tree: nodes.Template) -> Iterator[nodes.Filter]:
    """Uses of `at` where nothing rewrites the mark: last in their `{{ … }}`, or with only '~', 'if' and `at` after."""
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
    """The label an `at` gives, or None where it is not exactly one literal identifier."""
    if len(use.args) != 1 or use.kwargs or use.dyn_args is not None or use.dyn_kwargs is not None:
        return None
    argument = use.args[0]
    if not isinstance(argument, nodes.Const) or not isinstance(argument.value, str):
        return None
    return argument.value if argument.value.isascii() and argument.value.isidentifier() else None


def template_labels(template: str) -> tuple[str, ...]:
    """The labels of a well-formed template, in order; raises jinja2's TemplateSyntaxError for another."""
    labels = (label_of(use) for use in marked(parsed(template)))
    return tuple(label for label in labels if label is not None)
