"""The mutations of each kind of check: edits of the weights under which its claim is false.

A mutation is left out where the claim would stay true by construction: a logit difference against the corrupt prompt is
not tested on a model without heads if the prompts differ at END, and a mediator is not exchanged with another mediator.
"""

from __future__ import annotations

from collections.abc import Callable

from mi_checks.checks.measurements import Measurements
from mi_checks.mutants.claim import Claim, named
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.of_circuits import members_exchanged, members_zeroed, others_zeroed, span_turned
from mi_checks.mutants.of_nodes import (
    bearers_exchanged,
    bearers_out,
    each_blinded,
    each_zeroed,
    exchanged,
    mediators_exchanged,
    onlookers_exchanged,
    turned,
    zeroed,
)
from mi_checks.mutants.of_paths import cut, readers_exchanged, unread, writers_exchanged
from mi_checks.mutants.of_preferences import logits_turned, silenced
from mi_checks.spec.check import Check
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.path_checks import Attribution, Composes, Path
from mi_checks.spec.preference_checks import Accuracy, LogitDiff
from mi_checks.spec.roles import RoleCheck

Make = Callable[[Claim], tuple[Mutation, ...]]


def mutations(check: Check, measured: Measurements) -> tuple[Mutation, ...]:
    """Return the mutations of a check that passes on the unmutated model, each once; empty if none is defined.

    Args:
        check: the check.
        measured: measurements of the unmutated model.

    Raises:
        MiChecksError: the claim names nodes that cannot be resolved, or the heads to compare cannot be measured.
    """
    bound = measured.behaviour.bound_for(check, measured.loaded_model.name)
    claim = Claim(check, bound, named(check, measured), measured)
    return tuple(dict.fromkeys(mutation for make in MAKERS.get(type(check), ()) for mutation in make(claim)))


MAKERS: dict[type[Check], tuple[Make, ...]] = {
    LogitDiff: (logits_turned, silenced),
    Accuracy: (logits_turned, silenced),
    Patching: (zeroed, exchanged, turned),
    Ablation: (zeroed, exchanged, turned),
    Mediators: (each_zeroed, mediators_exchanged, turned),
    Attention: (each_blinded, onlookers_exchanged),
    Attribution: (zeroed, exchanged, turned),
    Path: (zeroed, exchanged, cut),
    Composes: (writers_exchanged, readers_exchanged, unread),
    Circuit: (members_zeroed, members_exchanged, others_zeroed),
    Curve: (span_turned,),
    RoleCheck: (bearers_exchanged, bearers_out),
}
