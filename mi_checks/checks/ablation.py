"""`ablation`: what replacing the nodes by zero, their mean or another prompt's value takes away."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.patching import share_verdict
from mi_checks.checks.verdict import Verdict, named
from mi_checks.engine.interventions import AblationKind, ablate
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import AblationCheck


def check_ablation(check: AblationCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Ablate the nodes together in the clean run."""
    nodes = measured.nodes(check.nodes)
    claim = Claim("fraction removed", nodes=named(nodes), method=check.with_, at=check.at or "", **bound.sides)
    refuse_unequal_lengths(measured, check.with_, check.at)
    intervention = ablate(*nodes, kind=check.with_, at=check.at)
    return share_verdict(claim, intervention, bound, measured)


def refuse_unequal_lengths(measured: Measurements, kind: AblationKind, at: str | None) -> None:
    """Nothing, where every prompt has what it needs of the others.

    Raises:
        MiChecksError: at all positions the mean, or another prompt's activation, is that at the same position, and not
            all prompts are equally long.
    """
    if kind != "zero" and at is None and len(set(measured.batch.positions(END))) > 1:
        raise MiChecksError(
            f"{kind} ablation takes other prompts' activations at the same position, and not all prompts are "
            "equally long: use values of equally many tokens, name a label ('at'), or 'with: zero'"
        )
