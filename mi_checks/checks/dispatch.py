"""The dispatch of each check to the function that measures and judges it."""

from __future__ import annotations

from mi_checks.checks.attention import check_attention
from mi_checks.checks.composes import check_composes
from mi_checks.checks.curve import check_curve
from mi_checks.checks.logit_diff import check_absent, check_accuracy, check_logit_diff
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.mediators import check_mediators
from mi_checks.checks.node_circuit import check_circuit
from mi_checks.checks.patching import check_ablation, check_patching
from mi_checks.checks.path import check_attribution, check_path
from mi_checks.checks.verdict import Verdict
from mi_checks.spec.behaviour_checks import AbsentCheck, AccuracyCheck, LogitDiffCheck
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.node_checks import AblationCheck, AttentionCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck


def run_check(check: Check, measured: Measurements) -> Verdict:
    """Measure one check on one model and judge it against the bound that the behaviour gives for that model."""
    if isinstance(check, AbsentCheck):
        return check_absent(measured)
    bound = measured.behaviour.bound_for(check, measured.loaded_model.name)
    match check:
        case MediatorsCheck():
            return check_mediators(check, bound or Bound(at_least=check.above), measured)
        case LogitDiffCheck():
            return check_logit_diff(check, bound or check.bound, measured)
        case AccuracyCheck():
            return check_accuracy(check, bound or check.bound, measured)
        case PatchingCheck() if bound is not None:
            return check_patching(check, bound, measured)
        case AblationCheck():
            return check_ablation(check, bound or check.bound, measured)
        case AttentionCheck():
            return check_attention(check, bound or check.bound, measured)
        case PathCheck() if bound is not None:
            return check_path(check, bound, measured)
        case ComposesCheck() if bound is not None:
            return check_composes(check, bound, measured)
        case DirectLogitAttributionCheck():
            return check_attribution(check, bound or check.bound, measured)
        case CircuitCheck() if bound is not None:
            return check_circuit(check, bound, measured)
        case CurveCheck() if bound is not None:
            return check_curve(check, bound, measured)
    raise TypeError(f"no check of kind {check.kind!r}")  # unreachable: the grammar allows no other kind
