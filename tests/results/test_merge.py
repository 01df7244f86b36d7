"""Evidence of two workers, who may have swept other nodes: one record, whoever came first."""

from dataclasses import replace

import pytest

from mi_checks.results.evidence import Curve, Heatmap, Mediator, merge_evidence
from mi_checks.stats.estimate import Estimate
from tests.report.circuits import CIRCUIT
from tests.report.conftest import evidence

SHARE = Estimate(0.5, 0.4, 0.6, 16, "fraction of clean − corrupt", "")
HEADS, AT, NEURONS = (
    Heatmap(title, ("L0",), ("0",), ((0.5,),))
    for title in ("fraction recovered by each head", "fraction recovered by each head at A2", "neurons")
)
CURVE = Curve("heads", "mean", 12, (), SHARE, SHARE)
OTHER_CURVE = replace(CURVE, ablation="zero")
LARGER = replace(CIRCUIT, n=48)
NOTHING = replace(evidence("induction", "nano-attn-2l", "present", 4.0), heatmaps=(), mediators=())
ONE = replace(NOTHING, heatmaps=(HEADS,), mediators=(Mediator("L0H0", "", SHARE),), circuit=CIRCUIT)
BOTH = replace(ONE, heatmaps=(HEADS, NEURONS), circuit=LARGER)
ELSEWHERE = replace(ONE, heatmaps=(AT,), mediators=(Mediator("L0H1", "A2", SHARE),), circuit=LARGER, curves=(CURVE,))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ONE, ONE, ONE),
        (NOTHING, ONE, ONE),
        (ONE, BOTH, BOTH),
        (
            ONE,
            ELSEWHERE,
            replace(ELSEWHERE, heatmaps=(AT, HEADS), mediators=(*ELSEWHERE.mediators, *ONE.mediators)),
        ),
        (replace(ONE, circuit=None), replace(BOTH, circuit=None), replace(BOTH, circuit=None)),
        (ONE, replace(BOTH, circuit=None), replace(BOTH, circuit=CIRCUIT)),
        (replace(ONE, curves=(CURVE,)), BOTH, replace(BOTH, curves=(CURVE,))),
        (
            replace(ONE, curves=(CURVE,)),
            replace(BOTH, curves=(OTHER_CURVE,)),
            replace(BOTH, curves=(OTHER_CURVE, CURVE)),
        ),
    ],
)  # fmt: skip
def test_it_is_the_same_whoever_came_first(one, other, expected):
    assert merge_evidence(one, other) == merge_evidence(other, one) == expected
