"""Dispatch: a check of the spec → the function that measures and judges it."""

from __future__ import annotations

from mi_checks.checks.ablation import check_ablation
from mi_checks.checks.absent import check_absent
from mi_checks.checks.accuracy import check_accuracy
from mi_checks.checks.attention import check_attention
from mi_checks.checks.circuit import check_circuit
from mi_checks.checks.composes import check_composes
from mi_checks.checks.curve import check_curve
from mi_checks.checks.logit_diff import check_logit_diff
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.mediators import check_mediators
from mi_checks.checks.patching import check_patching
from mi_checks.checks.path import check_attribution, check_path
from mi_checks.checks.verdict import Verdict
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.path_checks import Attribution, Composes, Path
from mi_checks.spec.preference_checks import AbsentCheck, Accuracy, LogitDiff


def run_check(check: Check, measured: Measurements) -> Verdict:
    """Measure one check on one model and judge it against the bound that the behaviour gives for that model."""
    if isinstance(check, AbsentCheck):
        return check_absent(measured)
    own = measured.behaviour.bound_for(check, measured.loaded_model.name)
    match check:
        case Mediators():
            return check_mediators(check, own or Bound(at_least=check.above), measured)
        case LogitDiff():
            return check_logit_diff(check, own or check.bound, measured)
        case Accuracy():
            return check_accuracy(check, own or check.bound, measured)
        case Patching() if own is not None:
            return check_patching(check, own, measured)
        case Ablation():
            return check_ablation(check, own or check.bound, measured)
        case Attention():
            return check_attention(check, own or check.bound, measured)
        case Path() if own is not None:
            return check_path(check, own, measured)
        case Composes() if own is not None:
            return check_composes(check, own, measured)
        case Attribution():
            return check_attribution(check, own or check.bound, measured)
        case Circuit() if own is not None:
            return check_circuit(check, own, measured)
        case Curve() if own is not None:
            return check_curve(check, own, measured)
    raise TypeError(f"no check of kind {check.kind!r}")  # unreachable: the grammar admits no other
