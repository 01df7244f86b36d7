"""`path` and `direct_logit_attribution`: the effect along a path, and what nodes write directly into the logits."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.patching import fraction_verdict
from mi_checks.checks.verdict import Verdict, node_names_of, only_above_zero, verdict
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import END
from mi_checks.results.claim import Claim
from mi_checks.spec import path_checks
from mi_checks.spec.check import Bound, NodeNames
from mi_checks.spec.edges import LOGITS_NAME, HeadInput
from mi_checks.spec.nodes_on_model import overlap_problem
from mi_checks.spec.path_checks import DirectLogitAttributionCheck
from mi_checks.spec.problems import comma_list
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.mean_tests import bound_p_value


def check_path(check: path_checks.PathCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the effect along a path of one hop or several (path patching, Wang et al. 2022, arXiv:2211.00593).

    Raises:
        MiChecksError: the path does not exist, as one of its stops does not come after the one before; or one sender
            is part of another.
    """
    senders = measured.nodes(check.from_)
    problem = overlap_problem(map(str, senders))
    if problem is not None:
        raise MiChecksError(f"{check.id}: on {measured.loaded_model.name}, {problem}")
    hops = [receivers(measured, hop.nodes, hop.via) for hop in check.hops]
    patch = denoise if check.recovers else noise
    try:
        intervention = patch(*senders, at=check.at, into=hops[0], onward=tuple(hops[1:]))
    except ValueError as error:
        raise MiChecksError(f"{check.id}: {error}") from None
    claim = Claim(
        "fraction recovered" if check.recovers else "fraction removed",
        path=tuple(tuple("logits" if node == LOGITS else str(node) for node in stop) for stop in (senders, *hops)),
        method="denoising" if check.recovers else "noising",
        at=check.at or "",
        **bound.sides,
    )
    return fraction_verdict(claim, intervention, bound, measured)


def receivers(measured: Measurements, expression: NodeNames, via: HeadInput | None) -> tuple[Node, ...]:
    """Return the receivers at the end of a hop: inputs of heads, MLP layers, or the logits.

    Heads that share a key or value are reached through it together.

    Raises:
        MiChecksError: a role is bound to nodes of another kind.
    """
    if expression == LOGITS_NAME:
        return (LOGITS,)
    nodes = measured.nodes(expression)
    expected_kind = "mlp" if via is None else "head"
    for node in nodes:
        if node.kind != expected_kind:
            raise MiChecksError(
                f"on {measured.loaded_model.name}, a path cannot end in {node}; it must end in the q, k or v of a head "
                "('via'), an MLP layer or the logits"
            )
    if via is None:
        return nodes
    shape = measured.loaded_model.shape
    group = 1 if via == "q" else shape.n_heads // shape.n_kv_heads
    return tuple(dict.fromkeys(Node(node.layer, via, (node.index or 0) // group) for node in nodes))


def check_attribution(check: DirectLogitAttributionCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the direct logit attribution (Elhage et al. 2021) of the nodes together, in the clean run.

    Values that are rounding error on every prompt count as zero, which does not satisfy "at least zero".

    Raises:
        MiChecksError: the score is not linear in the logits, or one node is part of another.
    """
    nodes = measured.nodes(check.nodes)
    problem = overlap_problem(map(str, nodes))
    if problem is not None:
        raise MiChecksError(f"{check.id}: on {measured.loaded_model.name}, {problem}")
    values = measured.floor.without_rounding(measured.measure(DirectEffects(nodes)).sum(0))
    claim = Claim("direct logit attribution", nodes=node_names_of(nodes), **bound.sides)
    unit = score_unit(measured.batch.score)
    estimate = mean_interval(values, unit, measured.design, floor=measured.floor, cache=measured.intervals)
    p_value = bound_p_value(values, bound, measured.design)
    is_zero = not values.any()
    result = verdict(
        claim, estimate, bound, tuple(values.tolist()), p_value, show_other_mediators=True, is_zero=is_zero
    )
    if is_zero and only_above_zero(bound):
        nothing = f"what {comma_list(nodes)} write directly into the logit difference is rounding error on every prompt"
        result = replace(result, outcome="fail", p_value=1.0, reason=nothing)
    return replace(result, nodes=nodes, at=END)
