"""The draft: discovered effects as entries of `checks` and `models` that hold on held-out prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import yaml

from mi_checks.engine.nodes import Node
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS, Behaviour, ModelEntry
from mi_checks.studies.discovery.candidate_claims import behaviour_claims, circuit_claim, mediators_claim, node_claims
from mi_checks.studies.discovery.held_out_claims import (
    ClaimVerifier,
    DraftLine,
    UnsupportedClaim,
    check_id,
    parse_entry,
)
from mi_checks.studies.discovery.mechanism import Mechanism

MAX_FLOW_WIDTH = 10_000  # characters; prevents line breaks
NODE_SET_NAMES = {"heads": "mediators", "neurons": "mediating_neurons", "circuit": "circuit"}


def flow_style(data: Any) -> str:
    """Return data in flow style, such as `{nodes: mediators, recovers: {at_least: 0.5}}`."""
    text = yaml.safe_dump(
        _plain(data), default_flow_style=True, sort_keys=False, width=MAX_FLOW_WIDTH, allow_unicode=True
    )
    return text.strip().removesuffix("...").strip()


def _plain(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    return data


@dataclass(frozen=True)
class Draft:
    """New content for `checks` and `models` of a behaviour file.

    Attributes:
        lines: the entries of `checks`.
        adds_to_file: whether they are added to the file's checks, instead of replacing them.
        model: the key of the model's entry.
        entry: the model's entry.
        unclaimed: the effects that were discovered but not claimed, with the reasons.
    """

    lines: tuple[DraftLine, ...]
    adds_to_file: bool
    model: str
    entry: Mapping[str, Any]
    unclaimed: tuple[str, ...]


def node_sets(behaviour: Behaviour, mechanism: Mechanism, model: str) -> dict[str, tuple[Node, ...]]:
    """Return the discovered nodes by the names that a behaviour binds them to, in the order of the model."""
    nodes = {
        "heads": mechanism.heads.sufficient,
        "neurons": mechanism.mediating_neurons,
        "circuit": mechanism.circuit.nodes,
    }
    return {_node_set_name(what, behaviour, model): tuple(sorted(nodes[what])) for what in NODE_SET_NAMES}


def others_claim_nodes(behaviour: Behaviour, model: str) -> bool:
    """Return whether other models have claims about nodes, which a draft must not replace."""
    return any(
        part.kind not in BEHAVIOUR_KINDS and behaviour.claims(part, other)
        for other in _other_models(behaviour, model)
        for entry in behaviour.checks
        for part in entry.check.parts
    )


def make_draft(
    behaviour: Behaviour,
    mechanism: Mechanism,
    held_out: ClaimVerifier,
    faithful: float,
    max_circuits: int | None = None,
) -> Draft:
    """Return a draft in which every check passes on the held-out prompts.

    Args:
        behaviour: the behaviour before the draft.
        mechanism: the result of discovery.
        held_out: measures claims, for a behaviour that binds the `node_sets`.
        faithful: the required faithfulness of a circuit.
        max_circuits: how many circuits there is time to measure for minimality; None for no limit.
    """
    model = held_out.measured.loaded_model.name
    adds_to_file = others_claim_nodes(behaviour, model)
    file_ids = {part.id for entry in behaviour.checks for part in entry.check.parts}
    lines: list[DraftLine] = []
    unclaimed: list[str] = []
    model_bounds: dict[str, Any] = {}
    for claim in _all_claims(behaviour, mechanism, held_out, faithful, max_circuits):
        try:
            line = claim()
        except UnsupportedClaim as why:
            unclaimed.append(str(why))
            continue
        ((kind, fields),) = line.entry.items()
        model_bounds |= {id_: dict(sides) for id_, sides in (line.model_bounds or {}).items()}
        if kind not in BEHAVIOUR_KINDS and _other_models(behaviour, model):
            line = replace(line, entry={kind: {**fields, "models": [model]}})
        if not adds_to_file:
            lines.append(line)
        elif kind in BEHAVIOUR_KINDS:
            unclaimed += [] if line.model_bounds or line.estimates else [f"{check_id(line.entry)}: {line.note}"]
        else:
            taken = [part.id for part in parse_entry(line.entry).check.parts if part.id in file_ids]
            if taken:
                unclaimed.append(
                    f"{taken[0]}: the file has a check of this id; this model's would be {flow_style(fields)}"
                )
            else:
                lines.append(line)
    used = {value for line in lines for fields in line.entry.values() for value in fields.values() if _is_text(value)}
    nodes = {name: [*map(str, nodes)] for name, nodes in node_sets(behaviour, mechanism, model).items() if name in used}
    entry = (
        _extended_entry(behaviour, model, lines, nodes, model_bounds)
        if adds_to_file
        else _new_entry(behaviour, model, nodes, model_bounds)
    )
    return Draft(tuple(lines), adds_to_file, model, entry, tuple(unclaimed))


def _new_entry(behaviour: Behaviour, model: str, nodes: dict[str, Any], model_bounds: dict[str, Any]) -> dict[str, Any]:
    """Return the model's entry if the draft's checks are the only ones."""
    declared = behaviour.models.get(model)
    count = declared.count if isinstance(declared, ModelEntry) else None
    return {**({"nodes": nodes} if nodes else {}), **({"count": count} if count else {}), **model_bounds}


def _extended_entry(
    behaviour: Behaviour, model: str, lines: list[DraftLine], nodes: dict[str, Any], model_bounds: dict[str, Any]
) -> dict[str, Any]:
    """Return the model's entry with the additions; a model that had none claims only the draft's checks."""
    declared = behaviour.models.get(model)
    old = declared.model_dump(mode="json", exclude_unset=True) if isinstance(declared, ModelEntry) else {"checks": []}
    entry: dict[str, Any] = {**old, **model_bounds}
    if {**old.get("nodes", {}), **nodes}:
        entry["nodes"] = {**old.get("nodes", {}), **nodes}
    if "checks" in old:
        new = [part.id for line in lines for part in parse_entry(line.entry).check.parts]
        entry["checks"] = [*dict.fromkeys([*old["checks"], *model_bounds, *new])]
    return entry


def _other_models(behaviour: Behaviour, model: str) -> list[str]:
    """Return the other models in which the behaviour is declared present."""
    return [name for name in behaviour.models if not behaviour.is_absent(name) and name != model]


def _all_claims(
    behaviour: Behaviour, mechanism: Mechanism, held_out: ClaimVerifier, faithful: float, max_circuits: int | None
) -> Iterator[Callable[[], DraftLine]]:
    model = held_out.measured.loaded_model.name
    yield from behaviour_claims(behaviour, held_out)
    heads, neurons, circuit = (_node_set_name(what, behaviour, model) for what in NODE_SET_NAMES)
    for effects, name in ((mechanism.heads, heads), (mechanism.neurons, neurons)):
        if effects is not None and effects.sufficient:
            complete = effects.selection is None
            yield partial(mediators_claim, effects.recovers, name, held_out, complete=complete)
    for candidate in node_claims(mechanism, heads, neurons):
        yield partial(held_out.bounded_claim, candidate)
    yield lambda: circuit_claim(mechanism.circuit, circuit, mechanism.ablation, held_out, faithful, max_circuits)


def _node_set_name(what: str, behaviour: Behaviour, model: str) -> str:
    sets = behaviour.sets_for(model) if others_claim_nodes(behaviour, model) else {}
    return (
        f"{NODE_SET_NAMES[what]}_found" if NODE_SET_NAMES[what] in {**behaviour.roles, **sets} else NODE_SET_NAMES[what]
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str)
