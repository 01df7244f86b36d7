"""What was found → checks that hold on prompts on which nothing was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mi_checks.discovery.candidates import about_nodes
from mi_checks.discovery.draft import Draft, Line, NotClaimed
from mi_checks.discovery.found import Found
from mi_checks.discovery.held_out import HeldOut
from mi_checks.discovery.preferences import preferences
from mi_checks.discovery.set_claims import circuit_line, mediators_line
from mi_checks.engine.nodes import Node
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry

NAMES = {"heads": "mediators", "neurons": "mediating_neurons", "circuit": "circuit"}


def node_sets(behaviour: Behaviour, found: Found) -> dict[str, tuple[Node, ...]]:
    """The nodes found under the names that a behaviour binds them to, in the order of the model; none is a role's."""
    nodes = {"heads": found.heads.found, "neurons": found.mediating_neurons, "circuit": found.circuit.nodes}
    return {_name(what, behaviour): tuple(sorted(nodes[what])) for what in NAMES}


def draft(behaviour: Behaviour, found: Found, held_out: HeldOut) -> Draft:
    """Every check in it passes on the held-out prompts.

    Args:
        behaviour: the behaviour as it is.
        found: what was found.
        held_out: where claims are measured, of a behaviour that binds the `node_sets`.
    """
    model = held_out.measured.subject.name
    present = [name for name, entry in behaviour.models.items() if entry != "absent" and name != model]
    lines: list[Line] = []
    left_out: list[str] = []
    for claim in _claims(behaviour, found, held_out):
        try:
            line = claim()
        except NotClaimed as why:
            left_out.append(str(why))
            continue
        ((kind, fields),) = line.entry.items()
        if present and kind not in BEHAVIOURAL:
            line = replace(line, entry={kind: {**fields, "models": [model]}})
        lines.append(line)
    used = {value for line in lines for fields in line.entry.values() for value in fields.values() if _text(value)}
    nodes = {name: [*map(str, nodes)] for name, nodes in node_sets(behaviour, found).items() if name in used}
    own = {id_: dict(sides) for line in lines for id_, sides in (line.own or {}).items()}
    declared = behaviour.models.get(model)
    count = declared.count if isinstance(declared, ModelEntry) else None
    entry: dict[str, Any] = {**({"nodes": nodes} if nodes else {}), **({"count": count} if count else {}), **own}
    return Draft(tuple(lines), model, entry, tuple(left_out))


def _claims(behaviour: Behaviour, found: Found, held_out: HeldOut) -> Iterator[Callable[[], Line]]:
    yield from preferences(behaviour, held_out)
    heads, neurons, circuit = (_name(what, behaviour) for what in NAMES)
    if found.heads.found:
        yield lambda: mediators_line(found.heads, heads, held_out)
    swept = found.neurons
    if swept is not None and swept.screening is None and swept.mediation.found:
        yield lambda: mediators_line(swept.mediation, neurons, held_out)
    for candidate in about_nodes(found, heads, neurons):
        yield lambda candidate=candidate: held_out.claimed(candidate)  # type: ignore[misc]
    yield lambda: circuit_line(found.circuit, circuit, held_out)


def _name(what: str, behaviour: Behaviour) -> str:
    return f"{NAMES[what]}_found" if NAMES[what] in behaviour.roles else NAMES[what]


def _text(value: object) -> bool:
    return isinstance(value, str)
