"""Validation of the references in a well-formed behaviour: variables, labels, nodes, checks, models, pools."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.errors import did_you_mean
from mi_checks.spec.additions import NOTHING, Additions
from mi_checks.spec.behaviour import AnyPrompts, Behaviour
from mi_checks.spec.check_refs import check_problems
from mi_checks.spec.model_refs import model_problems
from mi_checks.spec.node_refs import node_problems
from mi_checks.spec.problems import Problem
from mi_checks.spec.quote_refs import quote_problems
from mi_checks.spec.quotes import QuotedPrompts
from mi_checks.spec.role_refs import role_problems
from mi_checks.spec.scoring import SCORES
from mi_checks.spec.template_refs import template_problems
from mi_checks.spec.variable_refs import variable_problems
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import YamlSource


def crossref_problems(source: YamlSource, behaviour: Behaviour, added: Additions = NOTHING) -> list[Problem]:
    """Return every reference in the file that is undefined or contradicts another."""
    return [
        *_prompt_problems(source, behaviour.prompts, added),
        *check_problems(source, behaviour),
        *node_problems(source, behaviour),
        *model_problems(source, behaviour),
        *role_problems(source, behaviour, tuple(added.role_scores)),
    ]


def _prompt_problems(source: YamlSource, prompts: AnyPrompts, added: Additions) -> Iterator[Problem]:
    known = (*SCORES, *added.scores)
    if prompts.score not in known:
        message = f"unknown score {prompts.score!r}; scores: {listed(known)}{did_you_mean(prompts.score, known)}"
        yield source.problem(("prompts", "score"), message)
    if isinstance(prompts, QuotedPrompts):
        yield from quote_problems(source, prompts)
    else:
        problems = tuple(variable_problems(source, prompts, added.pools))
        yield from problems
        yield from template_problems(source, prompts, sound=not problems)
