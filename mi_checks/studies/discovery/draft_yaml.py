"""The text of a discovery: YAML for a behaviour file, with evidence on every line and all measurements as comments."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import duration, number, precise
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.spec.problems import comma_list
from mi_checks.stats.estimate import Refusal
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
    mechanism = discovery.mechanism
    fewer = f" (nodes and paths on the first {mechanism.n_pairs} of them, because all would have taken too long)"
    yield (
        f"Evidence, measured on the {mechanism.n_drawn_pairs} prompt pairs of seed {discovery.prompts.seed} that were "
        f"used for discovery{fewer if mechanism.n_pairs < mechanism.n_drawn_pairs else ''}"
    )
    yield f"clean − corrupt: {precise(mechanism.effect_size)} {mechanism.effect_size.unit}"
    yield from _node_lines(mechanism)
    for effects in mechanism.component_effects:
        yield from _effect_lines(effects)
    yield from _path_lines(mechanism)
    yield from _set_lines(mechanism)
    yield from _circuit_lines(mechanism)
    yield from _declared_sets(discovery)
    if discovery.draft.unclaimed:
        yield "discovered, but not claimed"
        for reason in discovery.draft.unclaimed:
            yield from (f"  {line}" for line in reason.splitlines())


def _node_lines(mechanism: Mechanism) -> Iterator[str]:
    """Yield a line for every node: its description, both effects, and its scores on probe prompts."""
    layers = mechanism.mlps.nodes if mechanism.mlps is not None else ()
    nodes = [*mechanism.nodes, *layers]
    yield (
        "nodes: 'recovers' is what denoising a node alone restores in the corrupted run, 'removes' is what noising it "
        "alone takes from the clean run, both as fractions of clean − corrupt"
    )
    if not nodes:
        yield "  none"
    for node in sorted(nodes):
        scores = "".join(f"; {name} score {number(value)}" for name, value in mechanism.roles.get(node, {}).items())
        own = ""
        effects = mechanism.effects_of(node)
        if effects is not None:
            recovered, removed = effects.recovers.fraction(node), effects.removes.fraction(node)
            own = f"; recovers {precise(recovered)}, removes {precise(removed)}"
        explained = node in layers and node not in mechanism.unexplained_layers
        part = "; its neurons account for this" if explained else ""
        yield f"  {node}: {describe_node(node, mechanism)}{own}{scores}{part}"


def _effect_lines(effects: NodeEffects) -> Iterator[str]:
    recovers, removes = effects.recovers, effects.removes
    nodes, threshold = recovers.sweep.nodes, recovers.threshold
    what = COMPONENT_PLURALS[nodes[0].kind]
    method = f"one-sided, Holm-corrected over {recovers.n_tests} tests"
    mediators = _listed_or_none(recovers.significant)
    needed = _listed_or_none(removes.significant)
    yield f"{what} that mediate (denoising each alone recovers more than {threshold:g}; {method}): {mediators}"
    yield f"{what} that are needed (noising each alone removes more than {threshold:g}): {needed}"
    yield f"{what} that suppress (either effect is below −{threshold:g}): {_listed_or_none(effects.suppressing)}"
    if recovers.refusal is not None:
        yield f"  these tests may err too often: {_too_few_text(recovers.refusal)}; claims were verified on others"
    if recovers.inconclusive:
        yield f"  inconclusive, because too close to the threshold: {comma_list(recovers.inconclusive)}"
    order = sorted(nodes, key=lambda node: (-effects.strength(node), node))[:MAX_SHOWN]
    shown = (f"{node} {precise(recovers.fraction(node))} and {precise(removes.fraction(node))}" for node in order)
    yield f"  strongest of the {len(nodes)} patched, recovers and removes: {'; '.join(shown)}"
    if effects.selection is not None:
        yield from _selection_lines(effects.selection, what)


def _too_few_text(refusal: Refusal) -> str:
    if refusal.reason != "few observations for the tests":
        return refusal_text(refusal)
    of = f"values of '{refusal.factor}'" if refusal.factor else "prompt pairs"
    option = "" if refusal.factor else f" (--count {refusal.need})"
    return f"{refusal.tests:,} tests together need at least {refusal.need} {of}{option}, and there are {refusal.have}"


def _selection_lines(selection: NodeSelection, what: str) -> Iterator[str]:
    why = (
        f"patching all {selection.n_candidates} was expected to take {duration(selection.expected_s, whole=True)}"
        if selection.expected_s
        else f"exact patching of all {selection.n_candidates} was not requested"
    )
    groups = selection.n_by_group_patching
    yield (
        f"  {selection.n_by_gradient} {what} were selected by attribution patching, because {why}; gradients were "
        "taken in the corrupted run, in the clean run and between them"
        + (f"; patching ever smaller groups selected {groups} more" if groups else "")
    )
    if selection.unfinished:
        yield "  there was no time to divide every group with an effect, so single nodes in them may have been missed"
    yield (
        f"  {selection.n_sampled} others, drawn at random, were patched as well; the largest effect among them is "
        f"{number(selection.max_unselected_effect, 4)}"
    )
    for each in selection.agreements:
        zero = f"; the estimate is zero for {each.n_zero} more, which says nothing about them" if each.n_zero else ""
        if each.correlation is not None:
            agreement = f"rank correlation {number(each.correlation)} over the {each.n_compared} nonzero estimates"
        elif each.n_compared < MIN_COMPARED_NODES:
            agreement = f"nonzero estimates: {each.n_compared}, too few to compare"
        else:
            agreement = f"the {each.n_compared} nonzero estimates have too many ties to compare"
        yield f"  estimated and exact '{each.effect}': {agreement}{zero}"


def _path_lines(mechanism: Mechanism) -> Iterator[str]:
    paths = mechanism.paths
    if not paths.edges:
        return
    threshold = mechanism.heads.recovers.threshold
    method = f"Holm-corrected over {paths.n_tests} tests"
    yield (
        f"paths that transmit the behaviour (each alone recovers or removes more than {threshold:g}; {method}): "
        f"{_listed_or_none(paths.transmitting)}"
    )
    if paths.opposing:
        yield f"paths that oppose the behaviour: {comma_list(paths.opposing)}"
    if paths.inconclusive:
        yield f"  inconclusive, because too close to the threshold: {comma_list(paths.inconclusive)}"
    order = sorted(paths.edges, key=lambda edge: -paths.strength(edge))[: max(MAX_SHOWN, len(paths.transmitting))]
    shown = (f"{edge} {precise(paths.recovered(edge))} and {precise(paths.removed(edge))}" for edge in order)
    yield f"  strongest of the {len(paths.edges)} patched, recovers and removes: {'; '.join(shown)}"
    if paths.n_unpatched:
        yield f"  {paths.n_unpatched} paths between weaker nodes were not patched: all would have taken too long"


def _set_lines(mechanism: Mechanism) -> Iterator[str]:
    joint = mechanism.joint_effects
    method = f"{joint.n_pairs} pairs, Holm-corrected over {joint.n_tests} tests"
    more = "significantly more than the sum of removing each alone"
    redundant = "; ".join(" with ".join(map(str, nodes)) for nodes in mechanism.redundant) or "none"
    yield f"redundant ({method}; removing all removes {more}): {redundant}"
    yield from (f"  {_joint_text(each)}" for each in joint.redundant[:MAX_SHOWN])
    conjunctions = "; ".join(" and ".join(map(str, nodes)) for nodes in mechanism.conjunctions) or "none"
    more = "significantly more than the sum of restoring each alone"
    yield f"conjunctions (the same tests; restoring all recovers {more}): {conjunctions}"
    yield from (f"  {_joint_text(each)}" for each in joint.conjunctions[:MAX_SHOWN])
    if mechanism.reinforcing:
        pairs = "; ".join(" and ".join(map(str, nodes)) for nodes in mechanism.reinforcing)
        yield f"reinforcing each other (both are true): {pairs}"
        yield from (f"  {_joint_text(each)}" for each in joint.reinforcing[:MAX_SHOWN])


def _joint_text(joint: JointEffect) -> str:
    verb = "recover" if joint.method == "denoising" else "remove"
    method = joint.method if joint.method in ("denoising", "noising") else f"{joint.method} ablation"
    alone = ", ".join(f"{node} {precise(own)}" for node, own in zip(joint.nodes, joint.alone, strict=True))
    return f"by {method}: alone, {alone}; together, they {verb} {precise(joint.together)}"


def _circuit_lines(mechanism: Mechanism) -> Iterator[str]:
    circuit = mechanism.circuit
    if circuit.faithfulness is None:
        return
    how = f"everything else {mechanism.ablation}-ablated, searched on {mechanism.n_search_pairs} pairs"
    if mechanism.ablation == "zero":
        how += "; zero, because prompts of different lengths have no mean at a position"
    yield f"circuit: {comma_list(circuit.nodes)}, faithfulness {precise(circuit.faithfulness)} ({how})"
    yield f"  pruned from the strongest nodes that are faithful together: {comma_list(circuit.initial_nodes)}"
    for removal in circuit.removals:
        yield f"  without {comma_list(removal.nodes)}: {precise(removal.faithfulness)}"
    for node in circuit.opposing:
        yield f"  {node} opposes the rest of it: without it, {precise(circuit.faithfulness_without[node])}"
    if circuit.unfinished:
        yield "  there was no time to try removing more nodes, so a smaller circuit may be as faithful"


def _declared_sets(discovery: Discovery) -> Iterator[str]:
    """Yield how the file's node sets for this model compare with the discovered nodes."""
    sets = discovery.behaviour.sets_for(discovery.model)
    nodes = {name: (bound,) if isinstance(bound, str) else bound for name, bound in sets.items()}
    discovered_nodes = set(map(str, discovery.mechanism.nodes))
    for name, bound in nodes.items():
        missing = [node for node in bound if node not in discovered_nodes]
        agreement = f"discovered, except {comma_list(missing)}" if missing else "discovered"
        yield f"the file's {name} ({comma_list(bound)}): {agreement}"
    declared_nodes = {node for bound in nodes.values() for node in bound}
    if nodes:
        undeclared = comma_list(sorted(discovered_nodes - declared_nodes))
        yield f"discovered, but not named in the file: {undeclared or 'none'}"


def _listed_or_none(nodes: tuple[object, ...]) -> str:
    return comma_list(nodes) or "none"


def discovery_yaml(discovery: Discovery) -> str:
    """Return the draft, followed by the evidence as comments."""
    return "\n".join(
        [*_header(discovery), *_checks(discovery), *_model(discovery), "", *evidence_comments(discovery), ""]
    )


def _header(discovery: Discovery) -> Iterator[str]:
    prompts, model = discovery.prompts, discovery.draft.model
    others = [name for name in discovery.behaviour.models if name != model]
    entry = f"the entry of {model} under `models:`" if others else "`models:`"
    use = (
        f"Add its checks to `checks:` and replace {entry}."
        if discovery.draft.adds_to_file
        else f"Replace `checks:` and {entry} with it."
    )
    yield f"# {discovery.behaviour.name} on {model}: a draft. {use}"
    if "[" in discovery.behaviour.name:
        yield "# It is for this case alone, so put it in a file of its own together with the case."
    yield (
        f"# Discovered on {len(prompts.exploration)} prompt pairs of seed {prompts.seed}; every check was then "
        f"measured on {len(prompts.held_out)} held-out pairs, and passes there."
    )
    if prompts.split:
        yield f"# Both halves share no value of '{prompts.split}', so that claims are verified on other values."
    if prompts.shared:
        names = comma_list(f"'{name}'" for name in prompts.shared)
        yield f"# Both halves share values of {names}, so that claims are verified on other prompts of the same values."
    yield f"# None of these pairs is among the {prompts.n_check_pairs} that the checks use."
    yield f"# Values are measured on the held-out pairs, with 95 % intervals; {BOUND_RULE}."


def _checks(discovery: Discovery) -> Iterator[str]:
    if not discovery.draft.lines:
        yield "checks: []"
        return
    yield "checks:"
    prompts = discovery.prompts
    where = f"n {len(prompts.held_out)}, seed {prompts.seed}, held out"
    for line in discovery.draft.lines:
        ((kind, fields),) = line.entry.items()
        yield f"  - {kind}: {flow_style(fields)}  # {'; '.join(_comments(line, where))}"


def _comments(line: DraftLine, where: str) -> Iterator[str]:
    if line.note:
        yield line.note
    for label, estimate in line.estimates:
        yield f"{label} {precise(estimate)}".lstrip()
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
