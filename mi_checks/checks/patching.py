"""`patching`: what the nodes together recover (denoising) or remove (noising)."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.shares import share_verdict
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.interventions import denoise, noise
from mi_checks.spec.bound import Bound
from mi_checks.spec.node_checks import Patching
from mi_checks.spec.words import listed


def check_patching(check: Patching, bound: Bound, measured: Measurements) -> Verdict:
    """Patch the nodes together between the clean and the corrupt run."""
    nodes = measured.nodes(check.nodes)
    where = f" at {check.at}" if check.at else ""
    patch = denoise if check.recovers else noise
    deed = "denoising" if check.recovers else "noising"
    effect = "recovers" if check.recovers else "removes"
    claim = f"{deed} {listed(nodes)}{where} {effect} {bound} of clean − corrupt"
    return share_verdict(claim, patch(*nodes, at=check.at), bound, measured)
