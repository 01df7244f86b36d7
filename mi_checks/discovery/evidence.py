"""What was measured to find what a draft claims, as comments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mi_checks.discovery.discovery import Discovery
from mi_checks.discovery.found import Found
from mi_checks.discovery.mediation import Mediation
from mi_checks.explain import show
from mi_checks.spec.words import listed
from mi_checks.stats import ratio_interval

SHOWN = 8  # nodes and paths of each kind


def evidence(discovery: Discovery) -> Iterator[str]:
    """Lines that each begin with `#`."""
    for line in _lines(discovery):
        yield f"# {line}".rstrip()


def _lines(discovery: Discovery) -> Iterator[str]:
    found, samples = discovery.found, discovery.samples
    yield f"Evidence, of the {len(samples.found_on)} pairs of seed {samples.seed} that it was found on"
    yield f"clean − corrupt: {show(found.gap)} logits"
    yield from _mediation("heads", found.heads)
    if found.neurons is not None:
        yield from _mediation("neurons", found.neurons.mediation)
        screening = found.neurons.screening
        if screening is not None:
            agreed = "none" if screening.correlation is None else f"{screening.correlation:.2f}"
            yield (
                f"  screened {screening.screened} by attribution patching, denoised the {screening.verified} of the "
                f"largest estimates: rank correlation {agreed}; of {screening.sampled} others, "
                f"drawn at random, the largest share is {screening.missed:.4f}"
            )
    if found.mlps is not None:
        yield from _mediation("MLP layers", found.mlps)
    yield from _paths(found)
    yield from _ablations(found, discovery.settings.above)
    yield from _circuit(found)
    for head, roles in found.roles.items():
        scored = ", ".join(f"{name} {value:.2f}" for name, value in roles.items())
        yield f"{head} scores on probe prompts: {scored}"
    yield from _declared(discovery)
    if discovery.draft.left_out:
        yield "found, but not claimed"
        for reason in discovery.draft.left_out:
            yield from (f"  {line}" for line in reason.splitlines())


def _mediation(what: str, mediation: Mediation) -> Iterator[str]:
    sweep = mediation.sweep
    tested = f"each denoised alone; above {mediation.above:g}, one-sided, Holm-corrected over {mediation.tested}"
    yield f"{what} that mediate ({tested}): {listed(mediation.found) or 'none'}"
    if mediation.unsure:
        yield f"  too near to the threshold to tell: {listed(mediation.unsure)}"
    strongest = np.argsort(-sweep.shares, kind="stable")[: max(SHOWN, len(mediation.found))]
    shown = (f"{sweep.nodes[i]} {show(ratio_interval(sweep.recovered[i], sweep.gap))}" for i in strongest)
    yield f"  strongest of {len(sweep.nodes)}: {'; '.join(shown)}"


def _paths(found: Found) -> Iterator[str]:
    paths = found.paths
    if not paths.edges:
        return
    yield f"paths that carry it (likewise, Holm-corrected over {len(paths.edges)}): {listed(paths.found) or 'none'}"
    if paths.unsure:
        yield f"  too near to the threshold to tell: {listed(paths.unsure)}"
    order = sorted(paths.edges, key=lambda edge: -paths.share(edge).value)[: max(SHOWN, len(paths.found))]
    yield f"  strongest of {len(paths.edges)}: {'; '.join(f'{edge} {show(paths.share(edge))}' for edge in order)}"


def _ablations(found: Found, above: float) -> Iterator[str]:
    ablated, kind = found.ablations, found.ablated_by
    order = sorted(ablated.heads, key=lambda head: -ablated.removed(head).value)[:SHOWN]
    removed = "; ".join(f"{head} {show(ablated.removed(head))}" for head in order)
    why = "" if kind == "mean" else ", as prompts that are not equally long have no mean at a position"
    yield f"share that {kind}-ablating a head removes ({ablated.alone[0].n} pairs{why}): {removed}"
    over = f"{ablated.pairs} pairs of heads, {above:g} beyond what they remove alone, Holm-corrected"
    yield f"redundant ({over}): {listed(' with '.join(map(str, pair)) for pair in found.redundant) or 'none'}"
    for each in ablated.redundant[:SHOWN]:
        alone = ", ".join(f"{head} {show(own)}" for head, own in zip(each.pair, each.alone, strict=True))
        yield f"  alone {alone}; together {show(each.together)}"


def _circuit(found: Found) -> Iterator[str]:
    circuit = found.circuit
    if circuit.faithfulness is None:
        return
    how = f"everything else {found.ablated_by}-ablated"
    yield f"circuit: {listed(circuit.nodes)}, faithfulness {show(circuit.faithfulness)} ({how})"
    yield f"  pruned from the strongest that are faithful together: {listed(circuit.began)}"
    for step in circuit.steps:
        yield f"  without {step.out}: {show(step.faithfulness)}"


def _declared(discovery: Discovery) -> Iterator[str]:
    """What the file binds on this model, beside what was found."""
    sets = discovery.behaviour.sets_for(discovery.model)
    nodes = {name: (bound,) if isinstance(bound, str) else bound for name, bound in sets.items()}
    found = set(map(str, discovery.found.nodes))
    for name, bound in nodes.items():
        missing = [node for node in bound if node not in found]
        told = f"found, but for {listed(missing)}" if missing else "found"
        yield f"the file's {name} ({listed(bound)}): {told}"
    named = {node for bound in nodes.values() for node in bound}
    if nodes:
        yield f"found, and not named in the file: {listed(sorted(found - named)) or 'none'}"
