"""Measurements → what the cards of a circuit's nodes say: of heads here, of neurons in `neuron_evidence`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mi_checks.checks.ablation import refuse_unequal_lengths
from mi_checks.checks.hypothesis import checks_made
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.direct import not_linear
from mi_checks.engine.interventions import ablate
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.record import Estimate, HeadCard
from mi_checks.spec.node_checks import Ablation
from mi_checks.spec.scoring import score_unit
from mi_checks.stats import NoGap, mean_interval, ratio_intervals

TOKENS = 40  # of an example whose whole attention pattern is kept; of a longer one only the last token's
DECIMALS = 4  # kept of what is written from one token


def head_cards(heads: Sequence[Node], measured: Measurements, on_few: Measurements) -> Iterator[HeadCard]:
    """What heads write, where they look and what their ablation removes.

    Args:
        heads: the heads.
        measured: where a check may have ablated them.
        on_few: the same claims on fewer prompts, where the rest is measured.
    """
    direct = written(heads, on_few)
    shown = measured.examples["median"]  # the example beside which cards are drawn; it need not be among the few
    for head in heads:
        pattern = np.rint(100 * measured.attention_of(head, shown)).astype(int).tolist()
        rows = enumerate(pattern) if len(pattern) <= TOKENS else [(len(pattern) - 1, pattern[-1])]
        ablation, removes = ablated(head, measured)
        sources = () if head not in direct else np.round(measured.from_sources(head, shown), DECIMALS).tolist()
        yield HeadCard(
            head=str(head),
            direct=direct.get(head),
            ablation=ablation,
            removes=removes,
            attention=tuple(tuple(row[: destination + 1]) for destination, row in rows),
            sources=tuple(sources),
        )


def written(nodes: Sequence[Node], measured: Measurements) -> dict[Node, Estimate]:
    """What each node writes directly into the clean logit difference; empty where the score is not linear in logits."""
    if not nodes or not_linear(measured.batch, measured.subject) is not None:
        return {}
    estimates = [mean_interval(each, score_unit(measured.batch.score)) for each in measured.direct(nodes)]
    return dict(zip(nodes, estimates, strict=True))


def ablated(node: Node, measured: Measurements) -> tuple[str, Estimate | None]:
    """How the first check that ablates this node alone does so, and what that removes."""
    for check in checks_made(measured):
        if not isinstance(check, Ablation):
            continue
        try:
            if measured.nodes(check.nodes) != (node,):
                continue
            refuse_unequal_lengths(measured, check.with_, check.at)
            patched = measured.logit_diff(ablate(node, kind=check.with_, at=check.at))
            (removes,) = ratio_intervals((measured.base.clean.logit_diff - patched)[None], measured.base.gap)
        except (MiChecksError, NoGap):  # the check itself has told
            continue
        return check.with_ + (f" at {check.at}" if check.at else ""), removes
    return "", None
