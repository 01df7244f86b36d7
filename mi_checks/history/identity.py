"""The digests that identify a run and a claim."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from mi_checks.results.run import Run

CLAIMED = "claims_sha256"  # the setting that holds the digest of the claims, which only the measuring process knows


def run_digest(run: Run) -> str:
    """Return the SHA-256 digest of what a run measured, when, and on which weights.

    It is not the digest of the file: the same run in an older schema, or in another layout of the JSON, has the same
    one.
    """
    weights = {name: model.get("weights_sha256", "") for name, model in run.models.items()}
    results = [
        [each.behaviour, each.model, each.check, each.outcome, None if each.estimate is None else each.estimate.value]
        for each in run.results
    ]
    return _sha256([run.started, run.seconds, run.command, weights, results])


def claims_digest(yaml: str, roles: Mapping[str, Sequence[str]]) -> str:
    """Return the SHA-256 digest of a behaviour's claims.

    It covers the file with its parent files, and the nodes to which its roles are bound.
    """
    return _sha256([yaml, {name: sorted(nodes) for name, nodes in roles.items()}])


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
