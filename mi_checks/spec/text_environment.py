"""The Jinja2 environment of prompts: a few nodes and filters that work on text, within a budget of characters.

Jinja2's sandbox isolates a template, but does not keep it from making gigabytes of text. Here templates cannot loop,
call or compute, and whatever makes text spends from the budget, character by character, before the text is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.filters import FILTERS
from jinja2.sandbox import SandboxedEnvironment

# Read and written by all filters and output in one rendering; a prompt has far fewer.
MAX_RENDERED_CHARACTERS = 1_000_000
MAX_TEMPLATE_NODES = 2_000  # in a template's syntax tree
MAX_TEMPLATE_DEPTH = 50  # of the syntax tree, well below Python's recursion limit

# All other nodes could loop, call, define or include; a template only arranges text.
ALLOWED_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Filter),
    *(nodes.Concat, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Keyword, nodes.Helper),
)
TEXT_FILTERS = ("upper", "lower", "capitalize", "title", "replace", "trim", "length", "join", "first", "last")


class TooMuchTextError(Exception):
    """A rendering that takes more characters than any prompt needs."""


class TextEnvironment(SandboxedEnvironment):
    """An environment without globals in which an undefined name is an error."""

    def __init__(self, more_filters: Mapping[str, Callable[..., str]]) -> None:
        """Make an environment with the text filters and further filters, each of which returns text."""
        super().__init__(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
        self.code_generator_class = _Generator
        self.globals.clear()
        filters = {**{name: FILTERS[name] for name in TEXT_FILTERS}, **more_filters}
        self.filters = {name: self._paid(filter_) for name, filter_ in filters.items()}
        self.filters |= {"replace": self._replace, "join": self._join}  # these know in advance how much text they make
        self._left = MAX_RENDERED_CHARACTERS

    def compile(self, source: Any, *args: Any, **kwargs: Any) -> Any:
        """Compile a template.

        Raises:
            TemplateSyntaxError: it is not well-formed, or has a node that no template may have.
        """
        self._left = MAX_RENDERED_CHARACTERS  # jinja2 evaluates constant expressions while compiling
        tree = self.parsed(source) if isinstance(source, str) else source
        for node in forbidden_nodes(tree):
            raise TemplateSyntaxError(forbidden_node_message(node), node.lineno)
        return super().compile(tree, *args, **kwargs)

    def parsed(self, text: str) -> nodes.Template:
        """Return the syntax tree of a template.

        Raises:
            TemplateSyntaxError: it is not well-formed, or its tree is too large.
        """
        too_large = TemplateSyntaxError("nested too deeply, or a number too large", 1)
        if len(text) > MAX_RENDERED_CHARACTERS:
            raise TemplateSyntaxError(f"more than {MAX_RENDERED_CHARACTERS:,} characters", 1)
        try:
            tree = self.parse(text)
        except (RecursionError, ValueError):  # jinja2 guards neither its recursion nor int()
            raise too_large from None
        level: list[nodes.Node] = [tree]
        count = depth = 0
        while level:
            count, depth = count + len(level), depth + 1
            if depth > MAX_TEMPLATE_DEPTH:
                raise too_large
            if count > MAX_TEMPLATE_NODES:
                raise TemplateSyntaxError(f"more than {MAX_TEMPLATE_NODES:,} names, filters and pieces of text", 1)
            level = [child for node in level for child in node.iter_child_nodes()]
        return tree

    def rendered(self, template: Template, values: Mapping[str, object]) -> str:
        """Render a template of this environment.

        Raises:
            TooMuchTextError: it needs more than `MAX_RENDERED_CHARACTERS`.
            Exception: whatever a template raises, such as jinja2's UndefinedError.
        """
        self._left = MAX_RENDERED_CHARACTERS
        return template.render(values)

    def spend(self, characters: int) -> None:
        """Subtract characters from the budget of this rendering.

        Raises:
            TooMuchTextError: the budget has fewer characters left.
        """
        self._left -= characters
        if self._left < 0:
            raise TooMuchTextError(
                f"filters and '~' process more than {MAX_RENDERED_CHARACTERS:,} characters, more than any prompt has; "
                "remove what multiplies the text, such as a 'replace' of short texts with long ones"
            )

    def concat(self, parts: Iterable[Any]) -> str:
        """Join the parts that a template, or `~`, puts together."""
        return "".join(self._counted(parts))

    def _counted(self, parts: Iterable[Any]) -> Iterator[str]:
        for part in parts:
            text = str(part)
            self.spend(len(text))
            yield text

    def _paid(self, filter_: Callable[..., Any]) -> Callable[..., Any]:
        """Return a filter that spends the characters of its text and of its result from the budget.

        The filter may return at most a few times as much text as it is given.
        """

        @wraps(filter_)  # keeps jinja2's attribute for the arguments that precede the text
        def paid(*args: Any, **kwargs: Any) -> Any:
            self.spend(sum(len(arg) for arg in args if isinstance(arg, str)))
            result = filter_(*args, **kwargs)
            self.spend(len(result) if isinstance(result, str) else 0)
            return result

        return paid

    def _replace(self, text: object, old: object, new: object, count: int | None = None) -> str:
        whole, before, after = str(text), str(old), str(new)
        occurrences = whole.count(before)
        times = occurrences if count is None or count < 0 else min(count, occurrences)
        self.spend(len(whole) + len(whole) + times * (len(after) - len(before)))
        return whole.replace(before, after, times)

    def _join(self, text: object, between: object = "") -> str:
        whole, separator = str(text), str(between)
        self.spend(len(whole) + len(whole) + max(0, len(whole) - 1) * len(separator))
        return separator.join(whole)


class _Generator(CodeGenerator):
    """A code generator that compiles `~` to the environment's `concat` instead of jinja2's own function."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802  # jinja2's name
        self.write("environment.concat((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


def forbidden_nodes(tree: nodes.Template) -> Iterator[nodes.Node]:
    """Yield the nodes that no template may have."""
    return (node for node in tree.find_all(nodes.Node) if not isinstance(node, ALLOWED_NODES))


def forbidden_node_message(node: nodes.Node) -> str:
    """Return the message for a node that no template may have."""
    name = type(node).__name__.lower()
    return f"templates cannot use {name!r}; they may have {{{{ x }}}}, {{{{ x.field }}}}, filters, '~' and 'if'"
