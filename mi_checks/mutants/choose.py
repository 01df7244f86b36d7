"""A claim → the mutations under which it is false.

Never one under which it stays true by construction: a preference against the corrupt prompt is not judged on a model
without heads where the prompts differ at END, nor does a mediator change places with a head that is one too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from mi_checks.checks.circuits import Circuits
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.engine.nodes import Node
from mi_checks.mutants.cut import CUTTABLE, Cut
from mi_checks.mutants.heads import Blinded
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.outputs import WRITING, LogitsTurned, Silenced, Turned, Zeroed
from mi_checks.mutants.partners import (
    Rank,
    all_at_once,
    by_attention,
    by_share,
    group_size,
    heads_among,
    layer_by_layer,
)
from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check, NodeNames
from mi_checks.spec.circuit_checks import Circuit, Curve
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.spec.edges import parse_edge
from mi_checks.spec.node_checks import Ablation, Attention, Mediators, Patching
from mi_checks.spec.path_checks import Attribution, Composes, Hop, Path
from mi_checks.spec.preference_checks import Accuracy, LogitDiff
from mi_checks.spec.roles import RoleCheck

ATTENTION_SCORES = ("previous_token", "duplicate_token", "induction")  # of roles: where a head looks, and no more


@dataclass(frozen=True)
class Claim:
    """A check as it is made on one model.

    Attributes:
        check: the check.
        bound: what it is held to; None for a claim about a set.
        nodes: what it says something of: for a path or a composition, its senders.
        measured: the unmutated model.
    """

    check: Check
    bound: Bound | None
    nodes: tuple[Node, ...]
    measured: Measurements

    @property
    def heads(self) -> tuple[Node, ...]:
        """The heads among the nodes, or that they are parts of."""
        return heads_among(self.nodes, self.measured.subject.shape)

    @property
    def from_below(self) -> bool:
        """Whether it says that something is large; one that is only said to be small is not made false by nothing."""
        return self.bound is None or self.bound.at_least is not None


Make = Callable[[Claim], tuple[Mutation, ...]]


def mutations(check: Check, measured: Measurements) -> tuple[Mutation, ...]:
    """The mutations of a check that holds on the unmutated model, each once; none where no mutation is known.

    Raises:
        MiChecksError: what the claim names cannot be told, or the heads it must be compared with cannot be measured.
    """
    bound = measured.behaviour.bound_for(check, measured.subject.name)
    claim = Claim(check, bound, _named(check, measured), measured)
    return tuple(dict.fromkeys(mutation for make in MAKERS.get(type(check), ()) for mutation in make(claim)))


def _named(check: Check, measured: Measurements) -> tuple[Node, ...]:
    if isinstance(check, Circuit) and check.edges is not None:
        ends = [edge for text in check.edges if (edge := parse_edge(text)) is not None]
        names = dict.fromkeys(name for edge in ends for name in (edge.sender, edge.receiver) if name != TO_LOGITS)
        return tuple(dict.fromkeys(node for name in names for node in measured.nodes(name)))
    if isinstance(check, RoleCheck):
        return measured.nodes(check.name)
    expression: NodeNames | None = getattr(check, "from_" if isinstance(check, Path | Composes) else "nodes", None)
    return () if expression is None else measured.nodes(expression)


def _zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """All nodes write nothing."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in WRITING))
    return (Zeroed(nodes),) if nodes and claim.from_below else ()


def _members_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """A circuit that writes nothing is not a good one."""
    return (Zeroed(tuple(sorted(claim.nodes))),) if _praised(claim) else ()


def _members_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """All heads of the circuit at once, with those outside it that matter least."""
    heads = claim.heads
    if not heads or not _praised(claim):
        return ()
    return all_at_once(heads, claim.measured.subject.shape, by_share(claim.measured, heads))


def _others_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """A circuit of nodes beside which nothing writes is all there is, and that it is not a good one is false."""
    check = cast("Circuit", claim.check)
    if _praised(claim) or check.nodes is None or check.aspect == "minimal":
        return ()
    universe = Circuits(claim.measured, check.among, check.with_).universe
    return (Zeroed(tuple(node for node in universe if node not in claim.nodes)),)


def _praised(claim: Claim) -> bool:
    """Whether it says that the circuit is a good one: complete it is by a difference that is small."""
    if cast("Circuit", claim.check).aspect == "completeness":
        return claim.bound is not None and claim.bound.at_most is not None
    return claim.from_below


def _each_zeroed(claim: Claim) -> tuple[Mutation, ...]:
    """Each node alone writes nothing, for a claim of each by itself."""
    return tuple(Zeroed((node,)) for node in sorted(claim.nodes) if node.kind in WRITING)


def _turned(claim: Claim) -> tuple[Mutation, ...]:
    """Neurons and MLPs write the opposite."""
    nodes = tuple(sorted(node for node in claim.nodes if node.kind in ("neuron", "mlp")))
    return (Turned(nodes),) if nodes and claim.from_below else ()


def _exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """All heads at once change places; where one has no other to change with, all of them write the opposite."""
    at = getattr(claim.check, "at", None)
    heads, shape = claim.heads, claim.measured.subject.shape
    if not heads:
        return ()
    rank = by_share(claim.measured, heads, at)
    exchanged = all_at_once(heads, shape, rank if claim.from_below else _reversed(rank))
    return exchanged or ((Turned(heads),) if claim.from_below else ())


def _mediators_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with heads that are no mediators themselves."""
    check = cast("Mediators", claim.check)
    shape = claim.measured.subject.shape
    if check.component == "neuron" or (check.component in ("k", "v") and group_size(shape) > 1):
        return ()
    sweep = claim.measured.sweep(check.component, check.layers, check.at)
    shares = dict(zip(sweep.nodes, sweep.shares.tolist(), strict=True))

    def rank(head: Node) -> float | None:
        share = shares.get(Node(head.layer, check.component, head.index))
        return share if share is not None and share < check.above else None

    return layer_by_layer(claim.heads, shape, rank)


def _onlookers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with the heads that attend there least (or most, for a claim from above)."""
    check = cast("Attention", claim.check)
    rank = by_attention(claim.measured, check.from_, check.to)
    return layer_by_layer(claim.heads, claim.measured.subject.shape, rank if claim.from_below else _reversed(rank))


def _each_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, for a claim of each head by itself."""
    heads = claim.heads
    return layer_by_layer(heads, claim.measured.subject.shape, by_share(claim.measured, heads)) if heads else ()


def _each_blinded(claim: Claim) -> tuple[Mutation, ...]:
    """Each head alone attends to everything alike."""
    return tuple(Blinded((head,)) for head in claim.heads) if claim.from_below else ()


def _span_turned(_claim: Claim) -> tuple[Mutation, ...]:
    """What circuits are to keep of the score is negative then: no share of it can be claimed."""
    return (LogitsTurned(),)


def _logits_turned(claim: Claim) -> tuple[Mutation, ...]:
    """The preference is reversed; a claim that it is small is false then only if it was far on the other side."""
    if claim.from_below or claim.bound is None:
        return (LogitsTurned(),)
    base, against = claim.measured.base, getattr(claim.check, "against", "foils")
    values = base.gap if against == "corrupt" else base.clean.logit_diff
    turned = (values < 0).mean() if isinstance(claim.check, Accuracy) else -values.mean()
    return (LogitsTurned(),) if claim.bound.at_most is not None and turned > claim.bound.at_most else ()


def _silenced(claim: Claim) -> tuple[Mutation, ...]:
    """What differs between the prompts cannot reach END without heads, unless it is there already."""
    against = getattr(claim.check, "against", "foils")
    ends = ((pair.clean.tokens[-1], len(pair.clean.tokens), pair.corrupt) for pair in claim.measured.batch.pairs)
    alike = all(token == other.tokens[-1] and length == len(other.tokens) for token, length, other in ends)
    return (Silenced(),) if against == "corrupt" and alike and claim.from_below else ()


def _bearers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    """In each layer, with any others: the role moves with them."""
    return layer_by_layer(claim.heads, claim.measured.subject.shape, lambda _head: 0.0)


def _bearers_out(claim: Claim) -> tuple[Mutation, ...]:
    """Each head alone no longer scores: it looks at everything alike or, where it is scored by that, writes nothing."""
    by_attention_alone = cast("RoleCheck", claim.check).role.score in ATTENTION_SCORES
    return tuple(Blinded((head,)) if by_attention_alone else Zeroed((head,)) for head in claim.heads)


def _receivers_exchanged(claim: Claim) -> tuple[Mutation, ...]:
    shape = claim.measured.subject.shape
    heads = heads_among(claim.measured.nodes(cast("Composes", claim.check).to), shape)
    return layer_by_layer(heads, shape, by_share(claim.measured, heads))


def _cut(claim: Claim) -> tuple[Mutation, ...]:
    """Each step of the way, where its senders write into few directions."""
    check, measured = cast("Path | Composes", claim.check), claim.measured
    hops = check.hops if isinstance(check, Path) else (Hop(nodes=check.to, via=check.via),)
    cuts, senders = [], claim.nodes
    for hop in hops:
        if all(sender.kind in CUTTABLE for sender in senders):
            cuts.append(Cut(senders, receivers(measured, hop.nodes, hop.via)))
        senders = () if hop.nodes == TO_LOGITS else measured.nodes(hop.nodes)
    return tuple(cuts) if claim.from_below else ()


def _reversed(rank: Rank) -> Rank:
    def other_way_round(head: Node) -> float | None:
        value = rank(head)
        return None if value is None else -value

    return other_way_round


MAKERS: dict[type[Check], tuple[Make, ...]] = {
    LogitDiff: (_logits_turned, _silenced),
    Accuracy: (_logits_turned, _silenced),
    Patching: (_zeroed, _exchanged, _turned),
    Ablation: (_zeroed, _exchanged, _turned),
    Mediators: (_each_zeroed, _mediators_exchanged, _turned),
    Attention: (_each_blinded, _onlookers_exchanged),
    Attribution: (_zeroed, _exchanged, _turned),
    Path: (_zeroed, _exchanged, _cut),
    Composes: (_each_exchanged, _receivers_exchanged, _cut),
    Circuit: (_members_zeroed, _members_exchanged, _others_zeroed),
    Curve: (_span_turned,),
    RoleCheck: (_bearers_exchanged, _bearers_out),
}
