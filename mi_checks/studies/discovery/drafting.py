"""The draft: discovered effects as checks that hold on held-out prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from mi_checks.engine.nodes import Node
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry
from mi_checks.studies.discovery.candidate_claims import about_nodes
from mi_checks.studies.discovery.draft import Draft, Line, NotClaimed
from mi_checks.studies.discovery.flow import flow
from mi_checks.studies.discovery.found import Found
from mi_checks.studies.discovery.held_out import HeldOut, identity, parsed
from mi_checks.studies.discovery.preferences import preferences
from mi_checks.studies.discovery.set_claims import circuit_line, mediators_line

NAMES = {"heads": "mediators", "neurons": "mediating_neurons", "circuit": "circuit"}


def node_sets(behaviour: Behaviour, found: Found, model: str) -> dict[str, tuple[Node, ...]]:
    """Return the discovered nodes by the names that a behaviour binds them to, in the order of the model."""
    nodes = {"heads": found.heads.sufficient, "neurons": found.mediating_neurons, "circuit": found.circuit.nodes}
    return {_name(what, behaviour, model): tuple(sorted(nodes[what])) for what in NAMES}


def stands_beside(behaviour: Behaviour, model: str) -> bool:
    """Return whether other models have claims about nodes, which a draft must not replace."""
    return any(
        part.kind not in BEHAVIOURAL and behaviour.claims(part, other)
        for other in _present(behaviour, model)
        for entry in behaviour.checks
        for part in entry.check.parts
    )


def draft(behaviour: Behaviour, found: Found, held_out: HeldOut, faithful: float, circuits: int | None = None) -> Draft:
    """Return a draft in which every check passes on the held-out prompts.

    Args:
        behaviour: the behaviour before the draft.
        found: the result of discovery.
        held_out: measures claims, for a behaviour that binds the `node_sets`.
        faithful: the required faithfulness of a circuit.
        circuits: how many circuits there is time to measure for minimality; None for no limit.
    """
    model = held_out.measured.loaded_model.name
    beside = stands_beside(behaviour, model)
    file_ids = {part.id for entry in behaviour.checks for part in entry.check.parts}
    lines: list[Line] = []
    left_out: list[str] = []
    own: dict[str, Any] = {}
    for claim in _claims(behaviour, found, held_out, faithful, circuits):
        try:
            line = claim()
        except NotClaimed as why:
            left_out.append(str(why))
            continue
        ((kind, fields),) = line.entry.items()
        own |= {id_: dict(sides) for id_, sides in (line.own or {}).items()}
        if kind not in BEHAVIOURAL and _present(behaviour, model):
            line = replace(line, entry={kind: {**fields, "models": [model]}})
        if not beside:
            lines.append(line)
        elif kind in BEHAVIOURAL:
            left_out += [] if line.own or line.estimates else [f"{identity(line.entry)}: {line.note}"]
        else:
            taken = [part.id for part in parsed(line.entry).check.parts if part.id in file_ids]
            if taken:
                left_out.append(f"{taken[0]}: the file has a check of this id; this model's would be {flow(fields)}")
            else:
                lines.append(line)
    used = {value for line in lines for fields in line.entry.values() for value in fields.values() if _text(value)}
    nodes = {name: [*map(str, nodes)] for name, nodes in node_sets(behaviour, found, model).items() if name in used}
    entry = _entry(behaviour, model, lines, nodes, own) if beside else _new(behaviour, model, nodes, own)
    return Draft(tuple(lines), beside, model, entry, tuple(left_out))


def _new(behaviour: Behaviour, model: str, nodes: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the model's entry if the draft's checks are the only ones."""
    declared = behaviour.models.get(model)
    count = declared.count if isinstance(declared, ModelEntry) else None
    return {**({"nodes": nodes} if nodes else {}), **({"count": count} if count else {}), **own}


def _entry(
    behaviour: Behaviour, model: str, lines: list[Line], nodes: dict[str, Any], own: dict[str, Any]
) -> dict[str, Any]:
    """Return the model's entry with the additions; a model that had none claims only the draft's checks."""
    declared = behaviour.models.get(model)
    old = declared.model_dump(mode="json", exclude_unset=True) if isinstance(declared, ModelEntry) else {"checks": []}
    entry: dict[str, Any] = {**old, **own}
    if {**old.get("nodes", {}), **nodes}:
        entry["nodes"] = {**old.get("nodes", {}), **nodes}
    if "checks" in old:
        new = [part.id for line in lines for part in parsed(line.entry).check.parts]
        entry["checks"] = [*dict.fromkeys([*old["checks"], *own, *new])]
    return entry


def _present(behaviour: Behaviour, model: str) -> list[str]:
    """Return the other models in which the behaviour is declared present."""
    return [name for name, entry in behaviour.models.items() if entry != "absent" and name != model]


def _claims(
    behaviour: Behaviour, found: Found, held_out: HeldOut, faithful: float, circuits: int | None
) -> Iterator[Callable[[], Line]]:
    model = held_out.measured.loaded_model.name
    yield from preferences(behaviour, held_out)
    heads, neurons, circuit = (_name(what, behaviour, model) for what in NAMES)
    for effects, name in ((found.heads, heads), (found.neurons, neurons)):
        if effects is not None and effects.sufficient:
            screened = effects.screening is not None
            yield partial(mediators_line, effects.recovers, name, held_out, screened=screened)
    for candidate in about_nodes(found, heads, neurons):
        yield partial(held_out.claimed, candidate)
    yield lambda: circuit_line(found.circuit, circuit, found.ablated_by, held_out, faithful, circuits)


def _name(what: str, behaviour: Behaviour, model: str) -> str:
    sets = behaviour.sets_for(model) if stands_beside(behaviour, model) else {}
    return f"{NAMES[what]}_found" if NAMES[what] in {**behaviour.roles, **sets} else NAMES[what]


def _text(value: object) -> bool:
    return isinstance(value, str)
