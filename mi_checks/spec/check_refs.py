"""Validation of a behaviour's checks: their labels, ids and bounds, and the models that they are for."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import BEHAVIOURAL, AnyPrompts, Behaviour
from mi_checks.spec.check import Check
from mi_checks.spec.node_checks import Attention, Mediators, Patching
from mi_checks.spec.path_checks import Attribution, Path
from mi_checks.spec.problems import Problem
from mi_checks.spec.quote_refs import quote_labels
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.scoring import LINEAR_SCORES
from mi_checks.spec.template import END, template_labels
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys, YamlSource

_FROM_AND_TO = {"from_": "from", "to": "to"}


def placed_checks(behaviour: Behaviour) -> Iterator[tuple[Keys, Check]]:
    """Yield each check with the path of its entry in the file; one entry may stand for several checks."""
    for index, entry in enumerate(behaviour.checks):
        for part in entry.check.parts:
            yield ("checks", index, entry.check.kind), part


def present_models(behaviour: Behaviour) -> tuple[str, ...]:
    """Return the models that are not declared absent."""
    return tuple(model for model, entry in behaviour.models.items() if entry != "absent")


def check_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[Problem]:
    """Yield the mistakes in the checks, except those in their node names.

    The parts of one entry share most of their mistakes, so each mistake is yielded once.
    """
    yield from dict.fromkeys(_problems(source, behaviour))


def _problems(source: YamlSource, behaviour: Behaviour) -> Iterator[Problem]:
    labels = _known_labels(behaviour.prompts)
    where = "quotes" if isinstance(behaviour.prompts, QuotedPrompts) else "template"
    first: dict[str, int] = {}
    for path, check in placed_checks(behaviour):
        line = source.position(path, of_key=True).line
        if check.id in first:
            message = (
                f"the check {check.id!r} is given twice, on lines {first[check.id]} and {line}; "
                "for another bound on one model, write it under that model"
            )
            yield source.problem(path, message, of_key=True)
        first.setdefault(check.id, line)
        yield from _bound(source, path, check)
        if isinstance(check, Attribution):
            yield from _linear(source, path, behaviour.prompts)
        if labels is not None:
            yield from _labels(source, path, check, labels, where)
        if behaviour.prompts.align == "labels":
            yield from _unaligned(source, path, check, labels or ())
        yield from _models(source, path, check, behaviour)
    absent = [model for model, entry in behaviour.models.items() if entry == "absent"]
    if absent and not any(check.kind in BEHAVIOURAL for _, check in placed_checks(behaviour)):
        message = (
            f"{absent[0]!r} is declared absent, which is judged by {' or '.join(BEHAVIOURAL)}: add one to 'checks'"
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


def _labels(source: YamlSource, path: Keys, check: Check, labels: tuple[str, ...], where: str) -> Iterator[Problem]:
    fields = {"at": "at", **(_FROM_AND_TO if isinstance(check, Attention) else {})}
    for field, key in fields.items():
        label = getattr(check, field, None)
        if label is not None and label not in labels:
            message = f"unknown label {label!r}; labels in the {where}: {listed(labels)}{did_you_mean(label, labels)}"
            yield source.problem((*path, key), message)


def _unaligned(source: YamlSource, path: Keys, check: Check, labels: tuple[str, ...]) -> Iterator[Problem]:
    """Yield the claims that patch positions at which clean and corrupt prompts do not correspond (`align: labels`)."""
    if not isinstance(check, Patching | Mediators | Path):
        return
    why = "clean and corrupt prompt correspond at their labels alone ('align: labels')"
    if check.at is None:
        message = f"{why}, and this patches at all positions; add 'at' with one of {listed(labels)}"
        yield source.problem(path, message, of_key=True)
    if isinstance(check, Mediators) and check.component == "pattern":
        message = f"{why}, and an attention pattern is over all positions; sweep heads, q, k or v"
        yield source.problem((*path, "component"), message)


def _bound(source: YamlSource, path: Keys, check: Check) -> Iterator[Problem]:
    message = None if check.bound is None else check.senseless(check.bound)
    if message is not None and check.bound is not None:
        side = next(side for side, value in check.bound.sides.items() if value is not None)
        yield source.problem((*path, check.bounded or side), message, of_key=True)


def _linear(source: YamlSource, path: Keys, prompts: AnyPrompts) -> Iterator[Problem]:
    """Yield the reasons why attribution cannot decompose this score: it must be linear in the logits."""
    why = "attribution takes a score apart that is linear in the logits"
    if prompts.score not in LINEAR_SCORES:
        message = f"{why}, and {prompts.score!r} is not; use {' or '.join(LINEAR_SCORES)}"
        yield source.problem(path, message, of_key=True)
    for key in ("answer_reduction", "foil_reduction"):
        if getattr(prompts, key) != "mean":
            message = f"{why}, and the highest of several is not; leave out {key!r} under 'prompts'"
            yield source.problem(path, message, of_key=True)


def _models(source: YamlSource, path: Keys, check: Check, behaviour: Behaviour) -> Iterator[Problem]:
    path = (*path, "models")
    if check.models == ():
        yield source.problem(path, "no model is listed, so the check would never run; remove 'models' to check all")
    present = present_models(behaviour)
    for index, model in enumerate(check.models or ()):
        if model in present:
            if model in (check.models or ())[:index]:
                yield source.problem((*path, index), f"{model!r} is listed twice")
            continue
        if model in behaviour.models:
            message = f"{model!r} is declared absent, and only models with the behaviour have this check"
        else:
            known = f"declared under 'models': {listed(behaviour.models)}"
            message = f"unknown model {model!r}; {known}{did_you_mean(model, behaviour.models)}"
        yield source.problem((*path, index), message)
