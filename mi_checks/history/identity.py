"""What makes a run that run, and a claim that claim, as digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from mi_checks.results.run import Run

CLAIMED = "claims_sha256"  # the setting of a run under which a digest stands that is known only where it was measured


def run_digest(run: Run) -> str:
    """sha256 of what was measured when and on which weights.

    Not of the file: an older schema, or another layout of the same JSON, is the same run.
    """
    weights = {name: model.get("weights_sha256", "") for name, model in run.models.items()}
    results = [
        [each.behaviour, each.model, each.check, each.outcome, None if each.estimate is None else each.estimate.value]
        for each in run.results
    ]
    return _sha256([run.started, run.seconds, run.command, weights, results])


def claims_digest(yaml: str, roles: Mapping[str, Sequence[str]]) -> str:
    """sha256 of what a behaviour claims: its file with those it extends, and the nodes its roles are bound to."""
    return _sha256([yaml, {name: sorted(nodes) for name, nodes in roles.items()}])


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
