"""Validation of a behaviour's roles, and the selection of the roles that a model is tested on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry
from mi_checks.spec.check import Check, names
from mi_checks.spec.check_refs import placed_checks
from mi_checks.spec.edges import LOGITS
from mi_checks.spec.named_nodes import claimed_nodes
from mi_checks.spec.node_expressions import parse_group, referenced
from mi_checks.spec.node_names import parse_node
from mi_checks.spec.problems import Problem
from mi_checks.spec.roles import ROLE_SCORES, RoleCheck
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import YamlSource


def role_problems(source: YamlSource, behaviour: Behaviour, scores: Collection[str]) -> Iterator[Problem]:
    """Yield the mistakes in roles that do not depend on the models; `scores` are those that the project adds."""
    known = (*ROLE_SCORES, *scores)
    used = _named(check for _, check in placed_checks(behaviour))
    for name, role in behaviour.roles.items():
        path = ("roles", name)
        if parse_node(name) is not None:
            yield source.problem(path, f"a role cannot be called {name!r}: that is a node", of_key=True)
        elif name == LOGITS:
            yield source.problem(path, f"a role cannot be called {name!r}: that is where a path may end", of_key=True)
        elif name not in used:
            yield source.problem(path, f"the role {name!r} is used by no check", of_key=True)
        if role.score not in known:
            message = (
                f"unknown role score {role.score!r}; role scores: {listed(known)}{did_you_mean(role.score, known)}"
            )
            yield source.problem((*path, "score"), message)
        elif role.component != "head" and role.score in ROLE_SCORES:
            message = f"the score {role.score!r} is of heads; {role.component}s need one that a conftest.py adds"
            yield source.problem((*path, "component"), message)
    for check in behaviour.role_checks:
        why = check.senseless(check.bound)
        if why is not None:
            yield source.problem(("roles", check.name, "at_least"), why)


def roles_for(behaviour: Behaviour, model: str) -> tuple[RoleCheck, ...]:
    """Return the roles that are tested on a model.

    These are all roles, unless the model's entry selects some checks: then only those that its checks name or use.
    """
    entry = behaviour.models.get(model)
    if not isinstance(entry, ModelEntry) or entry.checks is None:
        return behaviour.role_checks
    used = _named(behaviour.checks_for(model))
    return tuple(check for check in behaviour.role_checks if check.id in entry.checks or check.name in used)


def is_portable(check: Check, behaviour: Behaviour) -> bool:
    """Return whether a check has a meaning on a model that the file does not list.

    This is true of the checks of the preference itself, and of checks whose nodes are all roles or groups.
    """
    expressions = [place.expression for place in claimed_nodes((), check)]
    mentions = [name for expression in expressions for name in names(expression)]
    everywhere = bool(mentions) and all(
        part in behaviour.roles for name in mentions for part in referenced(name) if parse_group(part) is None
    )
    return check.kind in BEHAVIOURAL or (everywhere and all(map(names, expressions)))


def _named(checks: Iterable[Check]) -> set[str]:
    return {
        part
        for check in checks
        for place in claimed_nodes((), check)
        for name in names(place.expression)
        for part in referenced(name)
    }
