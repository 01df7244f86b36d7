"""`attribution`: what nodes write directly into the logit difference."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, only_above_zero, verdict
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END
from mi_checks.spec.bound import Bound
from mi_checks.spec.edge_order import counted_twice
from mi_checks.spec.path_checks import Attribution
from mi_checks.spec.scoring import score_unit
from mi_checks.spec.words import listed
from mi_checks.stats.statistics import mean_interval


def check_attribution(check: Attribution, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the direct logit attribution (Elhage et al. 2021) of the nodes together, in the clean run.

    What rounding may have made on every prompt counts as zero, and zero is not "at least zero": it is nothing.

    Raises:
        MiChecksError: the score is not linear in the logits, or one node is part of another.
    """
    nodes = measured.nodes(check.nodes)
    twice = counted_twice(map(str, nodes))
    if twice is not None:
        raise MiChecksError(f"{check.id}: on {measured.subject.name}, {twice}")
    values = measured.floor.cleared(measured.direct(nodes).sum(0))
    claim = f"{listed(nodes)} write {bound} directly into the clean logit difference"
    estimate = mean_interval(values, score_unit(measured.batch.score))
    judged = verdict(claim, estimate, bound, tuple(values.tolist()), suspects=True)
    if not values.any() and only_above_zero(bound):
        nothing = f"{listed(nodes)} write nothing into the logit difference of any prompt, but for rounding"
        judged = replace(judged, outcome="fail", reason=nothing)
    return replace(judged, nodes=nodes, at=END)
