"""`attention`: where the heads look from one label."""

from __future__ import annotations

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, verdict
from mi_checks.engine.nodes import parse_node
from mi_checks.spec.behaviour import Attention, Bound
from mi_checks.stats import mean_interval


def check_attention(check: Attention, bound: Bound, measured: Measurements) -> Verdict:
    """Attention from the last token of `from` to all tokens of `to` in the clean run, averaged over the heads."""
    nodes = measured.behaviour.nodes_for(check.nodes, measured.subject.name)
    sources = measured.batch.positions(check.to)
    destinations = measured.batch.positions(check.from_)
    values = np.zeros(len(measured.batch))
    for head in map(parse_node, nodes):
        pattern = measured.pattern(head)
        for row, (destination, source) in enumerate(zip(destinations, sources, strict=True)):
            values[row] += float(pattern[row, destination[-1], list(source)].sum()) / len(nodes)
    claim = f"{', '.join(nodes)} attend from {check.from_} to {check.to} with probability {bound}"
    return verdict(claim, mean_interval(values, "attention probability"), bound, tuple(values.tolist()))
