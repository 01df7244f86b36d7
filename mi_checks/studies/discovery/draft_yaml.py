"""The text of a discovery: YAML for a behaviour file, with evidence on every line and all measurements as comments."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.output.numbers import duration, number, precise
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.spec.problems import listed
from mi_checks.studies.discovery.discovery import Discovery
from mi_checks.studies.discovery.drafting import flow_style
from mi_checks.studies.discovery.held_out_claims import BOUND_RULE, DraftLine
from mi_checks.studies.discovery.joint_effects import JointEffect
from mi_checks.studies.discovery.mechanism import Mechanism, describe_node
from mi_checks.studies.discovery.node_effects import NodeEffects
from mi_checks.studies.discovery.node_selection import MIN_COMPARED_NODES, NodeSelection

MAX_SHOWN = 8  # nodes, paths and sets of each kind


def evidence_comments(discovery: Discovery) -> Iterator[str]:
    """Yield lines, each of which starts with `#`."""
    for line in _evidence(discovery):
        yield f"# {line}".rstrip()


def _evidence(discovery: Discovery) -> Iterator[str]:
    found, samples = discovery.found, discovery.samples
    fewer = f" (the first {found.pairs} of them for nodes and paths, as all would take too long)"
    yield (
        f"Evidence, of the {found.drawn} pairs of seed {samples.seed} that it was found on"
        f"{fewer if found.pairs < found.drawn else ''}"
    )
    yield f"clean − corrupt: {precise(found.effect_size)} {found.effect_size.unit}"
    yield from _node_lines(found)
    for effects in found.parts:
        yield from _effect_lines(effects)
    yield from _path_lines(found)
    yield from _set_lines(found)
    yield from _circuit_lines(found)
    yield from _declared_sets(discovery)
    if discovery.draft.left_out:
        yield "found, but not claimed"
        for reason in discovery.draft.left_out:
            yield from (f"  {line}" for line in reason.splitlines())


def _node_lines(found: Mechanism) -> Iterator[str]:
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
        yield f"  {node}: {describe_node(node, found)}{own}{scores}{part}"


def _effect_lines(effects: NodeEffects) -> Iterator[str]:
    recovers, removes = effects.recovers, effects.removes
    nodes, above = recovers.sweep.nodes, recovers.above
    what = COMPONENT_PLURALS[nodes[0].kind]
    tested = f"one-sided, Holm-corrected over {recovers.tested} tests"
    mediators = _listed_or_none(recovers.found)
    yield f"{what} that mediate (each denoised alone recovers more than {above:g}; {tested}): {mediators}"
    yield f"{what} that are needed (each noised alone removes more than {above:g}): {_listed_or_none(removes.found)}"
    yield f"{what} that suppress (either is below −{above:g}): {_listed_or_none(effects.suppressing)}"
    if recovers.unsure:
        yield f"  too near to the threshold to tell whether they mediate: {listed(recovers.unsure)}"
    order = sorted(nodes, key=lambda node: (-effects.strength(node), node))[:MAX_SHOWN]
    shown = (f"{node} {precise(recovers.share(node))} and {precise(removes.share(node))}" for node in order)
    yield f"  strongest of the {len(nodes)} patched, recovers and removes: {'; '.join(shown)}"
    if effects.screening is not None:
        yield from _selection_lines(effects.screening, what)


def _selection_lines(screening: NodeSelection, what: str) -> Iterator[str]:
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
        elif each.compared < MIN_COMPARED_NODES:
            agreed = f"estimates other than zero: {each.compared}, too few to compare"
        else:
            agreed = f"the {each.compared} estimates other than zero have too many ties to compare"
        yield f"  estimated and exact '{each.what}': {agreed}{silent}"


def _path_lines(found: Mechanism) -> Iterator[str]:
    paths = found.paths
    if not paths.edges:
        return
    tested = (
        f"each alone recovers or removes more than {found.heads.recovers.above:g}, Holm-corrected over {paths.tested}"
    )
    yield f"paths that carry it ({tested} tests): {_listed_or_none(paths.found)}"
    if paths.against:
        yield f"paths that work against it: {listed(paths.against)}"
    if paths.unsure:
        yield f"  too near to the threshold to tell: {listed(paths.unsure)}"
    order = sorted(paths.edges, key=lambda edge: -paths.strength(edge))[: max(MAX_SHOWN, len(paths.found))]
    shown = (f"{edge} {precise(paths.recovered(edge))} and {precise(paths.removed(edge))}" for edge in order)
    yield f"  strongest of the {len(paths.edges)} patched, recovers and removes: {'; '.join(shown)}"
    if paths.left_out:
        yield f"  {paths.left_out} paths between weaker nodes were not patched: all would have taken too long"


def _set_lines(found: Mechanism) -> Iterator[str]:
    groups = found.groups
    over = f"of {groups.pairs} pairs, Holm-corrected over {groups.tested} tests"
    much = "together significantly more than the sum of each alone"
    redundant = "; ".join(" with ".join(map(str, nodes)) for nodes in found.redundant) or "none"
    yield f"redundant ({over}; removing them takes away {much}): {redundant}"
    yield from (f"  {_joint_text(joint)}" for joint in groups.redundant[:MAX_SHOWN])
    conjunctions = "; ".join(" and ".join(map(str, nodes)) for nodes in found.conjunctions) or "none"
    yield f"conjunctions (likewise; restoring them brings back {much}): {conjunctions}"
    yield from (f"  {_joint_text(joint)}" for joint in groups.conjunctions[:MAX_SHOWN])
    if found.reinforcing:
        pairs = "; ".join(" and ".join(map(str, nodes)) for nodes in found.reinforcing)
        yield f"reinforcing each other (both is so): {pairs}"
        yield from (f"  {_joint_text(joint)}" for joint in groups.reinforcing[:MAX_SHOWN])


def _joint_text(joint: JointEffect) -> str:
    verb = "recover" if joint.by == "denoising" else "remove"
    by = joint.by if joint.by in ("denoising", "noising") else f"{joint.by} ablation"
    alone = ", ".join(f"{node} {precise(own)}" for node, own in zip(joint.nodes, joint.alone, strict=True))
    return f"by {by}, alone {alone}; together they {verb} {precise(joint.together)}"


def _circuit_lines(found: Mechanism) -> Iterator[str]:
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


def _declared_sets(discovery: Discovery) -> Iterator[str]:
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


def _listed_or_none(nodes: tuple[object, ...]) -> str:
    return listed(nodes) or "none"


def discovery_yaml(discovery: Discovery) -> str:
    """Return the draft, followed by the evidence as comments."""
    return "\n".join(
        [*_header(discovery), *_checks(discovery), *_model(discovery), "", *evidence_comments(discovery), ""]
    )


def _header(discovery: Discovery) -> Iterator[str]:
    samples, model = discovery.samples, discovery.draft.model
    others = [name for name in discovery.behaviour.models if name != model]
    entry = f"of the entry of {model} under `models:`" if others else "of `models:`"
    place = "to be added to `checks:`, and in place" if discovery.draft.beside else "in place of `checks:` and"
    yield f"# {discovery.behaviour.name} on {model}: a draft, {place} {entry}."
    if "[" in discovery.behaviour.name:
        yield "# It is of this case alone, and stands with it in a file of its own."
    yield (
        f"# Found on {len(samples.found_on)} prompt pairs of seed {samples.seed}; every check was then measured on "
        f"{len(samples.held_out)} others, held out, and passes there."
    )
    yield f"# None of them is among the {samples.checks} pairs that the checks use."
    yield f"# Values are of the held-out pairs, with 95 % intervals; {BOUND_RULE}."


def _checks(discovery: Discovery) -> Iterator[str]:
    if not discovery.draft.lines:
        yield "checks: []"
        return
    yield "checks:"
    samples = discovery.samples
    where = f"n {len(samples.held_out)}, seed {samples.seed}, held out"
    for line in discovery.draft.lines:
        ((kind, fields),) = line.entry.items()
        yield f"  - {kind}: {flow_style(fields)}  # {'; '.join(_comments(line, where))}"


def _comments(line: DraftLine, where: str) -> Iterator[str]:
    if line.note:
        yield line.note
    for what, estimate in line.estimates:
        yield f"{what} {precise(estimate)}".lstrip()
    if line.estimates:
        yield f"{line.estimates[0][1].unit}; {where}"


def _model(discovery: Discovery) -> Iterator[str]:
    draft = discovery.draft
    yield "models:"
    if not draft.entry:
        yield f"  {flow_style(draft.model)}: {{}}"
        return
    yield f"  {flow_style(draft.model)}:"
    for key, value in draft.entry.items():
        yield f"    {flow_style(key)}: {flow_style(value)}"
