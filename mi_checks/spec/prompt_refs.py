"""Validation of templates, variables, and the replacements in `corrupt`: every name in them must be defined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jinja2 import TemplateSyntaxError, nodes

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.template import (
    END,
    MARK_CLOSE,
    MARK_OPEN,
    MARK_SEPARATOR,
    label_of,
    parse_template,
    too_much_text,
    unobstructed_marks,
)
from mi_checks.spec.text_environment import TEXT_FILTERS, forbidden_node_message, forbidden_nodes
from mi_checks.spec.variables import AnyVariable, FromPool, FromValues, SameAs, fields_of, pool_names, value_problem
from mi_checks.spec.yaml_source import YamlSource

_AT_SYNTAX = "'at' takes one label in quotes, made of letters, digits and '_': {{ x | at('label') }}"


def template_problems(source: YamlSource, prompts: Prompts, *, sound: bool = True) -> Iterator[SpecProblem]:
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
        if not messages and sound and (too_much := too_much_text(text, variables)):
            messages = (too_much,)
        for message in messages:
            yield source.problem(path, message)


def _messages(text: str, variables: dict[str, AnyVariable], *, in_prompt: bool) -> Iterator[str]:
    if any(sentinel in text for sentinel in (MARK_OPEN, MARK_SEPARATOR, MARK_CLOSE)):
        yield "the characters U+E000 to U+E002 are reserved for labels; remove them"
        return
    try:
        tree = parse_template(text)
    except TemplateSyntaxError as error:
        line = f" (line {error.lineno} of the template)" if error.lineno > 1 else ""
        yield f"template syntax: {error.message}{line}"
        return
    construct = next(forbidden_nodes(tree), None)
    if construct is not None:  # other mistakes may follow from this one
        yield forbidden_node_message(construct)
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
            yield f"unknown filter {node.name!r}; filters: {comma_list(valid)}{did_you_mean(node.name, valid)}"


def _labels(tree: nodes.Template) -> Iterator[str]:
    well_placed = {id(use) for use in unobstructed_marks(tree)}
    seen = set()
    for use in tree.find_all(nodes.Filter):
        if use.name != "at":
            continue
        label = label_of(use)
        if id(use) not in well_placed:
            yield "'at' must come last in its {{ … }}, because what follows would change the mark"
        elif label is None:
            yield _AT_SYNTAX
        elif label == END:
            yield f"the label {END!r} is reserved for the last token of every prompt; choose another"
        elif label in seen:
            yield f"the label {label!r} is used twice; give each place its own label"
        seen.add(label)


def _no_labels(tree: nodes.Template) -> Iterator[str]:
    if any(use.name == "at" for use in tree.find_all(nodes.Filter)):
        yield "'at' labels a place in the prompt, so it can only be used in 'prompts.template'"


_VARIABLES: Keys = ("prompts", "variables")
_CORRUPT: Keys = ("prompts", "corrupt")
_RESERVED_WORDS = frozenset(
    ["and", "else", "if", "in", "is", "not", "or", "true", "false", "none", "True", "False", "None", "self", "loop"]
)


def variable_problems(source: YamlSource, prompts: Prompts, pools: Iterable[str]) -> Iterator[SpecProblem]:
    """Yield the mistakes in the variables and in `corrupt`; `pools` are the names of the project's own pools."""
    for name, variable in prompts.variables.items():
        path = (*_VARIABLES, name)
        if name in _RESERVED_WORDS:
            yield source.problem(
                path, f"{name!r} is a reserved word of the template language; choose another name", of_key=True
            )
        yield from _differs_from_problems(source, path, name, prompts)
        if isinstance(variable, FromPool):
            yield from _pool(source, path, variable.pool, pools)
        if isinstance(variable, FromValues):
            yield from _rows(source, path, variable)
        if isinstance(variable, SameAs):
            yield from _same_as(source, path, name, variable, prompts)
    yield from _corrupt(source, prompts)


def _differs_from_problems(source: YamlSource, path: Keys, name: str, prompts: Prompts) -> Iterator[SpecProblem]:
    declared = list(prompts.variables)
    before = declared[: declared.index(name)]
    variable = prompts.variables[name]
    if isinstance(variable, SameAs):
        return
    for index, other in enumerate(variable.others):
        place = (*path, "differs_from", *(() if isinstance(variable.differs_from, str) else (index,)))
        if other == name:
            yield source.problem(place, f"{name!r} cannot differ from itself")
        elif isinstance(same := prompts.variables.get(other), SameAs) and same.same_as in declared:
            yield source.problem(place, f"{other!r} has the value of {same.same_as!r}; name that variable instead")
        elif other in declared and other not in before:
            yield source.problem(place, f"{other!r} is declared after {name!r}; declare it earlier")
        elif other not in declared:
            known = f"declared before it: {comma_list(before)}" if before else "no variable is declared before it"
            yield source.problem(place, f"unknown variable {other!r}; {known}{did_you_mean(other, before)}")


def _pool(source: YamlSource, path: Keys, pool: str, own: Iterable[str]) -> Iterator[SpecProblem]:
    known = (*pool_names(), *own)
    if pool not in known:
        message = f"unknown pool {pool!r}; pools: {comma_list(known)}{did_you_mean(pool, known)}"
        yield source.problem((*path, "pool"), message)


def _same_as(source: YamlSource, path: Keys, name: str, variable: SameAs, prompts: Prompts) -> Iterator[SpecProblem]:
    declared = list(prompts.variables)
    before = [n for n in declared[: declared.index(name)] if not isinstance(prompts.variables[n], SameAs)]
    before = [n for n in before if not fields_of(prompts.variables[n])]
    other = variable.same_as
    if other not in before:
        known = f"texts declared before it: {comma_list(before)}" if before else "no text is declared before it"
        why = "cannot be copied here" if other in declared else "is not declared"
        yield source.problem((*path, "same_as"), f"{other!r} {why}; {known}{did_you_mean(other, before)}")


def _rows(source: YamlSource, path: Keys, variable: FromValues) -> Iterator[SpecProblem]:
    first = variable.values[0]
    for index, row in enumerate(variable.values):
        place = (*path, "values", index)
        if isinstance(row, dict) != isinstance(first, dict):
            kinds = ("plain text", "a mapping") if isinstance(first, dict) else ("a mapping", "plain text")
            yield source.problem(place, f"this value is {kinds[0]} but the first is {kinds[1]}; use one kind for all")
        elif isinstance(row, dict) and set(row) != set(first):
            message = (
                f"this value has the fields {comma_list(row)} but the first has {comma_list(first)}; "
                "give every value the same fields"
            )
            yield source.problem(place, message)


def _corrupt(source: YamlSource, prompts: Prompts) -> Iterator[SpecProblem]:
    variables: dict[str, AnyVariable] = dict(prompts.variables)
    used = _names_in_template(prompts.template, variables)
    for key, value in prompts.corrupt.items():
        path = (*_CORRUPT, key)
        if key == value:
            yield source.problem(
                path, f"{key!r} is replaced by itself, so clean and corrupt prompts would be the same; name another"
            )
            continue
        wrong_key, wrong_value = _reference(key, variables), _reference(value, variables)
        if wrong_key:
            yield source.problem(path, wrong_key, of_key=True)
        elif used is not None and not any(name == key or name.startswith(f"{key}.") for name in used):
            message = (
                f"the template does not use {key!r}, so replacing it changes nothing; "
                f"it uses {comma_list(used) or 'no variable'}"
            )
            yield source.problem(path, message + did_you_mean(key, used), of_key=True)
        if wrong_value:
            yield source.problem(path, wrong_value)
        if not wrong_key and not wrong_value:
            new_fields, old_fields = _fields_named(value, variables), _fields_named(key, variables)
            if set(new_fields) != set(old_fields):
                says = [
                    f"{n!r} has {'the fields ' + comma_list(f) if f else 'no fields'}"
                    for n, f in ((key, old_fields), (value, new_fields))
                ]
                yield source.problem(path, f"{says[0]} and {says[1]}; one cannot replace the other")


def _reference(text: str, variables: dict[str, AnyVariable]) -> str | None:
    """Return why `x` or `x.field` is undefined, or None. A row variable may be named without a field."""
    name, dot, field = text.partition(".")
    if not dot and name in variables:
        return None
    return value_problem(name, field if dot else None, variables)


def _fields_named(text: str, variables: dict[str, AnyVariable]) -> tuple[str, ...]:
    return () if "." in text else fields_of(variables[text])


def _names_in_template(template: str, variables: dict[str, AnyVariable]) -> tuple[str, ...] | None:
    """Return the variables and fields in a template, or None if it is not well-formed (reported elsewhere)."""
    try:
        tree = parse_template(template)
    except TemplateSyntaxError:
        return None
    names = [f"{a.node.name}.{a.attr}" for a in tree.find_all(nodes.Getattr) if isinstance(a.node, nodes.Name)]
    owners = {name.partition(".")[0] for name in names}
    names += [name.name for name in tree.find_all(nodes.Name) if name.name not in owners]
    return tuple(name for name in sorted(set(names)) if name.partition(".")[0] in variables)
