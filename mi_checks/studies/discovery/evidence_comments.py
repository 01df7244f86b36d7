"""The evidence for a draft, as comments: every measurement that its claims were derived from."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.output.numbers import duration, number, precise
from mi_checks.spec.node_names import PLURAL
from mi_checks.spec.problems import listed
from mi_checks.studies.discovery.discovery import Discovery
from mi_checks.studies.discovery.effects import Effects
from mi_checks.studies.discovery.found import Found
from mi_checks.studies.discovery.groups import Joint
from mi_checks.studies.discovery.screening import MIN_COMPARED, Screening
from mi_checks.studies.discovery.wording import role

MAX_SHOWN = 8  # nodes, paths and sets of each kind


def evidence(discovery: Discovery) -> Iterator[str]:
    """Yield lines, each of which starts with `#`."""
    for line in _lines(discovery):
        yield f"# {line}".rstrip()


def _lines(discovery: Discovery) -> Iterator[str]:
    found, samples = discovery.found, discovery.samples
    fewer = f" (the first {found.pairs} of them for nodes and paths, as all would take too long)"
    yield (
        f"Evidence, of the {found.drawn} pairs of seed {samples.seed} that it was found on"
        f"{fewer if found.pairs < found.drawn else ''}"
    )
    yield f"clean − corrupt: {precise(found.effect_size)} {found.effect_size.unit}"
    yield from _roles(found)
    for effects in found.parts:
        yield from _effects(effects)
    yield from _paths(found)
    yield from _sets(found)
    yield from _circuit(found)
    yield from _declared(discovery)
    if discovery.draft.left_out:
        yield "found, but not claimed"
        for reason in discovery.draft.left_out:
            yield from (f"  {line}" for line in reason.splitlines())


def _roles(found: Found) -> Iterator[str]:
    """Yield a line for every node: its role in words, both effects, and its scores on probe prompts."""
    layers = found.mlps.nodes if found.mlps is not None else ()
    nodes = [*found.nodes, *layers]
    yield (
        "nodes: 'recovers' is what denoising one alone brings back into the corrupted run, 'removes' what noising it "
        "alone takes from the clean run, as fractions of clean − corrupt"
    )
    if not nodes:
        yield "  none"
    for node in sorted(nodes):
        scores = "".join(f"; {name} score {number(value)}" for name, value in found.roles.get(node, {}).items())
        own = ""
        effects = found.effects_of(node)
        if effects is not None:
            own = f"; recovers {precise(effects.recovers.share(node))}, removes {precise(effects.removes.share(node))}"
        part = "; accounted for by its neurons" if node in layers and node not in found.unaccounted else ""
        yield f"  {node}: {role(node, found)}{own}{scores}{part}"


def _effects(effects: Effects) -> Iterator[str]:
    recovers, removes = effects.recovers, effects.removes
    nodes, above = recovers.sweep.nodes, recovers.above
    what = PLURAL[nodes[0].kind]
    tested = f"one-sided, Holm-corrected over {recovers.tested} tests"
    yield f"{what} that mediate (each denoised alone recovers more than {above:g}; {tested}): {_named(recovers.found)}"
    yield f"{what} that are needed (each noised alone removes more than {above:g}): {_named(removes.found)}"
    yield f"{what} that suppress (either is below −{above:g}): {_named(effects.suppressing)}"
    if recovers.unsure:
        yield f"  too near to the threshold to tell whether they mediate: {listed(recovers.unsure)}"
    order = sorted(nodes, key=lambda node: (-effects.strength(node), node))[:MAX_SHOWN]
    shown = (f"{node} {precise(recovers.share(node))} and {precise(removes.share(node))}" for node in order)
    yield f"  strongest of the {len(nodes)} patched, recovers and removes: {'; '.join(shown)}"
    if effects.screening is not None:
        yield from _screening(effects.screening, what)


def _screening(screening: Screening, what: str) -> Iterator[str]:
    took = f"expected to take {duration(screening.seconds, whole=True)}" if screening.seconds else "not asked for"
    yield (
        f"  {screening.screened} {what} were screened, as patching all was {took}: {screening.by_gradient} chosen by "
        f"gradients in the corrupted run, the clean run and between"
        + (f", {screening.by_halving} more by patching ever smaller groups" if screening.by_halving else "")
    )
    if screening.unfinished:
        yield "  there was no time to divide all groups that matter: single ones in them may have been missed"
    yield (
        f"  of {screening.sampled} others, drawn at random and patched as well, the largest effect is "
        f"{number(screening.missed, 4)}"
    )
    for each in screening.agreement:
        silent = f"; of {each.silent} more the estimate is zero, which says nothing of them" if each.silent else ""
        if each.correlation is not None:
            agreed = f"rank correlation {number(each.correlation)} over the {each.compared} whose estimate is not zero"
        elif each.compared < MIN_COMPARED:
            agreed = f"estimates other than zero: {each.compared}, too few to compare"
        else:
            agreed = f"the {each.compared} estimates other than zero have too many ties to compare"
        yield f"  estimated and exact '{each.what}': {agreed}{silent}"


def _paths(found: Found) -> Iterator[str]:
    paths = found.paths
    if not paths.edges:
        return
    tested = (
        f"each alone recovers or removes more than {found.heads.recovers.above:g}, Holm-corrected over {paths.tested}"
    )
    yield f"paths that carry it ({tested} tests): {_named(paths.found)}"
    if paths.against:
        yield f"paths that work against it: {listed(paths.against)}"
    if paths.unsure:
        yield f"  too near to the threshold to tell: {listed(paths.unsure)}"
    order = sorted(paths.edges, key=lambda edge: -paths.strength(edge))[: max(MAX_SHOWN, len(paths.found))]
    shown = (f"{edge} {precise(paths.recovered(edge))} and {precise(paths.removed(edge))}" for edge in order)
    yield f"  strongest of the {len(paths.edges)} patched, recovers and removes: {'; '.join(shown)}"
    if paths.left_out:
        yield f"  {paths.left_out} paths between weaker nodes were not patched: all would have taken too long"


def _sets(found: Found) -> Iterator[str]:
    groups = found.groups
    over = f"of {groups.pairs} pairs, Holm-corrected over {groups.tested} tests"
    much = "together significantly more than the sum of each alone"
    redundant = "; ".join(" with ".join(map(str, nodes)) for nodes in found.redundant) or "none"
    yield f"redundant ({over}; removing them takes away {much}): {redundant}"
    yield from (f"  {_joint(joint)}" for joint in groups.redundant[:MAX_SHOWN])
    conjunctions = "; ".join(" and ".join(map(str, nodes)) for nodes in found.conjunctions) or "none"
    yield f"conjunctions (likewise; restoring them brings back {much}): {conjunctions}"
    yield from (f"  {_joint(joint)}" for joint in groups.conjunctions[:MAX_SHOWN])
    if found.reinforcing:
        pairs = "; ".join(" and ".join(map(str, nodes)) for nodes in found.reinforcing)
        yield f"reinforcing each other (both is so): {pairs}"
        yield from (f"  {_joint(joint)}" for joint in groups.reinforcing[:MAX_SHOWN])


def _joint(joint: Joint) -> str:
    verb = "recover" if joint.by == "denoising" else "remove"
    by = joint.by if joint.by in ("denoising", "noising") else f"{joint.by} ablation"
    alone = ", ".join(f"{node} {precise(own)}" for node, own in zip(joint.nodes, joint.alone, strict=True))
    return f"by {by}, alone {alone}; together they {verb} {precise(joint.together)}"


def _circuit(found: Found) -> Iterator[str]:
    circuit = found.circuit
    if circuit.faithfulness is None:
        return
    how = f"everything else {found.ablated_by}-ablated, searched on {found.searched} pairs"
    if found.ablated_by == "zero":
        how += "; zero, as prompts that are not equally long have no mean at a position"
    yield f"circuit: {listed(circuit.nodes)}, faithfulness {precise(circuit.faithfulness)} ({how})"
    yield f"  pruned from the strongest that are faithful together: {listed(circuit.began)}"
    for step in circuit.steps:
        yield f"  without {listed(step.out)}: {precise(step.faithfulness)}"
    for node in circuit.restraining:
        yield f"  {node} works against the rest of it: without it {precise(circuit.without[node])}"
    if circuit.unfinished:
        yield "  there was no time to try taking more out, so a smaller circuit may be as faithful"


def _declared(discovery: Discovery) -> Iterator[str]:
    """Yield how the file's node sets for this model compare with the discovered nodes."""
    sets = discovery.behaviour.sets_for(discovery.model)
    nodes = {name: (bound,) if isinstance(bound, str) else bound for name, bound in sets.items()}
    discovered_nodes = set(map(str, discovery.found.nodes))
    for name, bound in nodes.items():
        missing = [node for node in bound if node not in discovered_nodes]
        agreement = f"found, but for {listed(missing)}" if missing else "found"
        yield f"the file's {name} ({listed(bound)}): {agreement}"
    declared_nodes = {node for bound in nodes.values() for node in bound}
    if nodes:
        yield f"found, and not named in the file: {listed(sorted(discovered_nodes - declared_nodes)) or 'none'}"


def _named(nodes: tuple[object, ...]) -> str:
    return listed(nodes) or "none"
