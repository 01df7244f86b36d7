"""What a well-shaped behaviour refers to must be there: variables, labels, nodes, checks, models, pools."""

from __future__ import annotations

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check_refs import check_problems
from mi_checks.spec.model_refs import model_problems
from mi_checks.spec.node_refs import node_problems
from mi_checks.spec.problems import Problem
from mi_checks.spec.template_refs import template_problems
from mi_checks.spec.variable_refs import variable_problems
from mi_checks.spec.yaml_source import YamlSource


def crossref_problems(source: YamlSource, behaviour: Behaviour) -> list[Problem]:
    """Every reference in the file that leads nowhere or contradicts another."""
    return [
        *variable_problems(source, behaviour.prompts),
        *template_problems(source, behaviour.prompts),
        *check_problems(source, behaviour),
        *node_problems(source, behaviour),
        *model_problems(source, behaviour),
    ]
