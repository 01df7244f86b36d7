"""Validation of checks, roles and the entries of `models`: labels, ids, bounds, and the models they are for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from jinja2 import TemplateSyntaxError

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS, AnyPrompts, Behaviour, ModelEntry
from mi_checks.spec.check import Check, names
from mi_checks.spec.edges import LOGITS_NAME
from mi_checks.spec.grammar_errors import unknown_model_key
from mi_checks.spec.named_nodes import node_places
from mi_checks.spec.node_checks import AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.node_names import leaf_names, parse_group, parse_node
from mi_checks.spec.path_checks import DirectLogitAttributionCheck, PathCheck
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.quotes import QuotedPrompts, quote_labels
from mi_checks.spec.roles import ROLE_SCORES, RoleCheck
from mi_checks.spec.scoring import LINEAR_SCORES
from mi_checks.spec.template import END, template_labels
from mi_checks.spec.yaml_source import YamlSource

_FROM_AND_TO = {"from_": "from", "to": "to"}


def checks_with_paths(behaviour: Behaviour) -> Iterator[tuple[Keys, Check]]:
    """Yield each check with the path of its entry in the file; one entry may stand for several checks."""
    for index, entry in enumerate(behaviour.checks):
        for part in entry.check.parts:
            yield ("checks", index, entry.check.key()), part


def present_models(behaviour: Behaviour) -> tuple[str, ...]:
    """Return the models that are not declared absent."""
    return tuple(model for model in behaviour.models if not behaviour.is_absent(model))


def check_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[SpecProblem]:
    """Yield the mistakes in the checks, except those in their node names.

    The parts of one entry share most of their mistakes, so each mistake is yielded once.
    """
    yield from dict.fromkeys(_problems(source, behaviour))


def _problems(source: YamlSource, behaviour: Behaviour) -> Iterator[SpecProblem]:
    labels = _known_labels(behaviour.prompts)
    where = "quotes" if isinstance(behaviour.prompts, QuotedPrompts) else "template"
    first: dict[str, int] = {}
    for path, check in checks_with_paths(behaviour):
        line = source.position(path, of_key=True).line
        if check.id in first:
            message = (
                f"the check {check.id!r} appears twice, on lines {first[check.id]} and {line}; "
                "to give one model another bound, write it in that model's entry"
            )
            yield source.problem(path, message, of_key=True)
        first.setdefault(check.id, line)
        yield from _bound(source, path, check)
        if isinstance(check, DirectLogitAttributionCheck):
            yield from _score_not_linear(source, path, behaviour.prompts)
        if labels is not None:
            yield from _labels(source, path, check, labels, where)
        if behaviour.prompts.align == "labels":
            yield from _unaligned(source, path, check, labels or ())
        yield from _models(source, path, check, behaviour)
    absent = [model for model in behaviour.models if behaviour.is_absent(model)]
    if absent and not any(check.kind in BEHAVIOUR_KINDS for _, check in checks_with_paths(behaviour)):
        message = (
            f"{absent[0]!r} is declared absent, which is tested by {' or '.join(BEHAVIOUR_KINDS)}; add one to 'checks'"
        )
        yield source.problem(("models", absent[0]), message, of_key=True)


def _known_labels(prompts: AnyPrompts) -> tuple[str, ...] | None:
    if isinstance(prompts, QuotedPrompts):
        labels = quote_labels(prompts)
        return None if labels is None else (*labels, END)
    try:
        return (*template_labels(prompts.template), END)
    except TemplateSyntaxError:
        return None  # template_problems reports the syntax error


def _labels(source: YamlSource, path: Keys, check: Check, labels: tuple[str, ...], where: str) -> Iterator[SpecProblem]:
    fields = {"at": "at", **(_FROM_AND_TO if isinstance(check, AttentionCheck) else {})}
    for field, key in fields.items():
        label = getattr(check, field, None)
        if label is not None and label not in labels:
            message = (
                f"unknown label {label!r}; labels in the {where}: {comma_list(labels)}{did_you_mean(label, labels)}"
            )
            yield source.problem((*path, key), message)


def _unaligned(source: YamlSource, path: Keys, check: Check, labels: tuple[str, ...]) -> Iterator[SpecProblem]:
    """Yield the claims that patch positions at which clean and corrupt prompts do not correspond (`align: labels`)."""
    if not isinstance(check, PatchingCheck | MediatorsCheck | PathCheck):
        return
    why = "clean and corrupt prompts correspond only at their labels ('align: labels')"
    if check.at is None:
        message = f"{why}, but this check patches at all positions; add 'at' with one of {comma_list(labels)}"
        yield source.problem(path, message, of_key=True)
    if isinstance(check, MediatorsCheck) and check.component == "pattern":
        message = f"{why}, but an attention pattern covers all positions; sweep heads, q, k or v"
        yield source.problem((*path, "component"), message)


def _bound(source: YamlSource, path: Keys, check: Check) -> Iterator[SpecProblem]:
    message = None if check.bound is None else check.bound_problem(check.bound)
    if message is not None and check.bound is not None:
        side = next(side for side, value in check.bound.sides.items() if value is not None)
        yield source.problem((*path, check.bound_key or side), message, of_key=True)


def _score_not_linear(source: YamlSource, path: Keys, prompts: AnyPrompts) -> Iterator[SpecProblem]:
    """Yield why direct logit attribution cannot decompose this score: it must be linear in the logits."""
    why = "direct logit attribution needs a score that is linear in the logits"
    if prompts.score not in LINEAR_SCORES:
        message = f"{why}, and {prompts.score!r} is not; use {' or '.join(LINEAR_SCORES)}"
        yield source.problem(path, message, of_key=True)
    for key in ("answer_reduction", "foil_reduction"):
        if getattr(prompts, key) != "mean":
            message = f"{why}, and the maximum of several is not; remove {key!r} under 'prompts'"
            yield source.problem(path, message, of_key=True)


def _models(source: YamlSource, path: Keys, check: Check, behaviour: Behaviour) -> Iterator[SpecProblem]:
    path = (*path, "models")
    if check.models == ():
        yield source.problem(path, "no model is listed, so the check would never run; remove 'models' to run it on all")
    present = present_models(behaviour)
    for index, model in enumerate(check.models or ()):
        if model in present:
            if model in (check.models or ())[:index]:
                yield source.problem((*path, index), f"{model!r} is listed twice")
            continue
        if model in behaviour.models:
            message = (
                f"{model!r} is declared absent, but this check is only for models with the behaviour; remove it here"
            )
        else:
            known = f"declared under 'models': {comma_list(behaviour.models)}"
            message = f"unknown model {model!r}; {known}{did_you_mean(model, behaviour.models)}"
        yield source.problem((*path, index), message)


def model_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[SpecProblem]:
    """Yield the mistakes in the entries of `models`, except those in their node sets."""
    checks: dict[str, Check] = {check.id: check for check in _all_checks(behaviour)}
    bounded = tuple(id_ for id_, check in checks.items() if check.bound is not None)
    message: str | None
    for model, entry in behaviour.models.items():
        if not isinstance(entry, ModelEntry):
            continue
        applying = (*behaviour.checks_for(model), *behaviour.role_checks)
        if not behaviour.checks_for(model):
            message = (
                f"no check runs on {model!r}, so nothing would be tested; remove it, or add it to a check's 'models'"
            )
            yield source.problem(("models", model), message, of_key=True)
        for index, key in enumerate(entry.checks or ()):
            if key not in checks:
                message = f"unknown check id {key!r}; ids: {comma_list(checks)}{did_you_mean(key, checks)}"
                yield source.problem(("models", model, "checks", index), message)
        yield from _inconclusive_problems(source, behaviour, model, entry)
        for key, bound in entry.bounds.items():
            if key not in checks:
                message = unknown_model_key(model, key, bounded)
            elif key not in bounded:
                message = f"the check {key!r} has no bound that a model could override"
            elif checks[key] not in applying:
                message = (
                    f"the check {key!r} does not run on {model!r}: add it to this entry's 'checks' "
                    "or the check's 'models'"
                )
            else:
                message = checks[key].bound_problem(bound)
            if message is not None:
                yield source.problem(("models", model, key), message, of_key=True)


def _inconclusive_problems(
    source: YamlSource, behaviour: Behaviour, model: str, entry: ModelEntry
) -> Iterator[SpecProblem]:
    """Yield the ids under `inconclusive` that are unknown, listed twice, or of checks that cannot be inconclusive."""
    known = [check.id for _, check in checks_with_paths(behaviour)]
    applying = [check.id for check in behaviour.checks_for(model)]
    for index, key in enumerate(entry.inconclusive):
        if key in entry.inconclusive[:index]:
            message = f"{key!r} is listed twice"
        elif key in applying:
            continue
        elif key in known:
            message = f"the check {key!r} does not run on {model!r}, so it cannot be inconclusive; remove it here"
        elif key in [check.id for check in behaviour.role_checks]:
            message = f"the check {key!r} of a role is never inconclusive; remove it here"
        else:
            message = f"unknown check id {key!r}; ids: {comma_list(applying)}{did_you_mean(key, applying)}"
        yield source.problem(("models", model, "inconclusive", index), message)


def _all_checks(behaviour: Behaviour) -> Iterator[Check]:
    for entry in behaviour.checks:
        yield from entry.check.parts
    yield from behaviour.role_checks


def role_problems(source: YamlSource, behaviour: Behaviour, scores: Collection[str]) -> Iterator[SpecProblem]:
    """Yield the mistakes in roles that do not depend on the models; `scores` are those that the project adds."""
    known = (*ROLE_SCORES, *scores)
    used = _referenced_names(check for _, check in checks_with_paths(behaviour))
    for name, role in behaviour.roles.items():
        path = ("roles", name)
        if parse_node(name) is not None:
            yield source.problem(
                path, f"a role cannot be called {name!r}, which is a node; choose another name", of_key=True
            )
        elif name == LOGITS_NAME:
            yield source.problem(
                path, f"a role cannot be called {name!r}, the end of a path; choose another name", of_key=True
            )
        elif name not in used:
            yield source.problem(path, f"no check uses the role {name!r}; name it in a check or remove it", of_key=True)
        if role.score not in known:
            message = (
                f"unknown role score {role.score!r}; role scores: {comma_list(known)}{did_you_mean(role.score, known)}"
            )
            yield source.problem((*path, "score"), message)
        elif role.component != "head" and role.score in ROLE_SCORES:
            message = f"the score {role.score!r} is defined for heads; for {role.component}s, add one in a conftest.py"
            yield source.problem((*path, "component"), message)
    for check in behaviour.role_checks:
        why = check.bound_problem(check.bound)
        if why is not None:
            yield source.problem(("roles", check.name, "at_least"), why)


def roles_for(behaviour: Behaviour, model: str) -> tuple[RoleCheck, ...]:
    """Return the roles that are tested on a model.

    These are all roles, unless the model's entry selects some checks: then only those that its checks name or use.
    """
    entry = behaviour.models.get(model)
    if not isinstance(entry, ModelEntry) or entry.checks is None:
        return behaviour.role_checks
    used = _referenced_names(behaviour.checks_for(model))
    return tuple(check for check in behaviour.role_checks if check.id in entry.checks or check.name in used)


def is_portable(check: Check, behaviour: Behaviour) -> bool:
    """Return whether a check has a meaning on a model that the file does not list.

    This is true of the behavioural checks, and of checks whose nodes are all roles or groups.
    """
    expressions = [place.expression for place in node_places((), check)]
    mentions = [name for expression in expressions for name in names(expression)]
    everywhere = bool(mentions) and all(
        part in behaviour.roles for name in mentions for part in leaf_names(name) if parse_group(part) is None
    )
    return check.kind in BEHAVIOUR_KINDS or (everywhere and all(map(names, expressions)))


def _referenced_names(checks: Iterable[Check]) -> set[str]:
    return {
        part
        for check in checks
        for place in node_places((), check)
        for name in names(place.expression)
        for part in leaf_names(name)
    }
