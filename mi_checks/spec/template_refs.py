"""Validation of a behaviour's templates: they must be well-formed, and the names in them must exist."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError, nodes

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.problems import Problem
from mi_checks.spec.rows import value_problem
from mi_checks.spec.template import CLOSE, END, OPEN, SEP, label_of, marked, parsed
from mi_checks.spec.text_environment import TEXT_FILTERS, forbidden_nodes, refusal
from mi_checks.spec.trial import overflow
from mi_checks.spec.variables import AnyVariable
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys, YamlSource

_AT = "'at' takes one label in quotes, made of letters, digits and '_': {{ x | at('label') }}"


def template_problems(source: YamlSource, prompts: Prompts, *, sound: bool = True) -> Iterator[Problem]:
    """Yield the mistakes in the template, the answer and the foils.

    Args:
        source: the file.
        prompts: its prompts.
        sound: whether the variables have no mistakes, so that the templates can be rendered on trial.
    """
    texts: dict[Keys, str] = {("prompts", "template"): prompts.template}
    if isinstance(prompts.answer, str):
        texts["prompts", "answer"] = prompts.answer
    else:
        texts |= {("prompts", "answer", index): answer for index, answer in enumerate(prompts.answer)}
    texts |= {("prompts", "foils", index): foil for index, foil in enumerate(prompts.foils)}
    variables: dict[str, AnyVariable] = dict(prompts.variables)
    for path, text in texts.items():
        in_prompt = path == ("prompts", "template")
        messages = tuple(dict.fromkeys(_messages(text, variables, in_prompt=in_prompt)))
        if not messages and sound and (too_much := overflow(text, variables)):
            messages = (too_much,)
        for message in messages:
            yield source.problem(path, message)


def _messages(text: str, variables: dict[str, AnyVariable], *, in_prompt: bool) -> Iterator[str]:
    if any(sentinel in text for sentinel in (OPEN, SEP, CLOSE)):
        yield "the characters U+E000 to U+E002 are reserved for marking labels"
        return
    try:
        tree = parsed(text)
    except TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the template)" if error.lineno > 1 else ""
        yield f"template syntax: {error.message}{line}"
        return
    construct = next(forbidden_nodes(tree), None)
    if construct is not None:  # other mistakes may follow from this one
        yield refusal(construct)
        return
    yield from _names(tree, variables)
    yield from _filters(tree)
    yield from _labels(tree) if in_prompt else _no_labels(tree)


def _names(tree: nodes.Template, variables: dict[str, AnyVariable]) -> Iterator[str]:
    owners = set()
    for attribute in tree.find_all(nodes.Getattr):
        if isinstance(attribute.node, nodes.Name):
            owners.add(id(attribute.node))
            problem = value_problem(attribute.node.name, attribute.attr, variables)
        else:
            problem = f"'.{attribute.attr}' must follow the name of a variable"
        if problem:
            yield problem
    for name in tree.find_all(nodes.Name):
        problem = value_problem(name.name, None, variables) if id(name) not in owners else None
        if problem:
            yield problem


def _filters(tree: nodes.Template) -> Iterator[str]:
    valid = ("at", *TEXT_FILTERS)
    for node in tree.find_all(nodes.Filter):
        if node.name not in valid:
            yield f"unknown filter {node.name!r}; filters: {listed(valid)}{did_you_mean(node.name, valid)}"


def _labels(tree: nodes.Template) -> Iterator[str]:
    well_placed = {id(use) for use in marked(tree)}
    seen = set()
    for use in tree.find_all(nodes.Filter):
        if use.name != "at":
            continue
        label = label_of(use)
        if id(use) not in well_placed:
            yield "'at' must come last in its {{ … }}: what follows it there would change the mark"
        elif label is None:
            yield _AT
        elif label == END:
            yield f"the label {END!r} is reserved: it is every prompt's last token"
        elif label in seen:
            yield f"the label {label!r} is given twice; each names one place"
        seen.add(label)


def _no_labels(tree: nodes.Template) -> Iterator[str]:
    if any(use.name == "at" for use in tree.find_all(nodes.Filter)):
        yield "'at' labels a place in the prompt, so it has no use outside 'prompts.template'"
