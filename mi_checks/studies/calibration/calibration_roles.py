"""Roles of models that were never trained: how often some head scores enough by chance."""

from __future__ import annotations

from collections.abc import Collection

from mi_checks.checks.role import check_role
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import trusted
from mi_checks.output.progress import Bar, unseen
from mi_checks.roles.binding import Binding
from mi_checks.roles.scores import score
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.studies.calibration import calibration_models
from mi_checks.studies.calibration.nulls import FRESH, fresh_seed
from mi_checks.studies.calibration.verdict_rows import Row, passes

SHIPPED = tuple(
    RoleCheck(name=name, role=Role(score=name, at_least=least))
    for name, least in (("previous_token", 0.4), ("induction", 0.5))
)  # as behaviours/induction_circuit.yaml has them


def roles_by_chance(runs: int, seed: int, kinds: Collection[str] = (), bar: Bar = unseen) -> tuple[Row, ...]:
    """The fresh models again, each role bound anew: it passes where any head of the model is that role."""
    if kinds and RoleCheck.kind not in kinds:
        return ()
    tokens = calibration_models.tokenization()
    verdicts: dict[str, list[Verdict]] = {check.id: [] for check in SHIPPED}
    for run in bar(range(runs), "roles of fresh models"):
        subject = calibration_models.fresh(fresh_seed(seed, run), tokens, mlps=bool(run % 2))
        for check in SHIPPED:
            scores = score(check.role.score, subject, trusted(subject))
            binding = Binding(check.name, check.role.component, check.role.score, scores, check.role.at_least)
            verdicts[check.id].append(check_role(binding, None, subject.name, free=True))
    return tuple(
        Row(FRESH, check.kind, check.id, "", shipped=str(check.bound), as_shipped=passes(verdicts[check.id]))
        for check in SHIPPED
    )
