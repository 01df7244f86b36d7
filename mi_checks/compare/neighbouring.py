"""Which models stand beside each other: one layer more of the same kind, or another kind of the same depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

from mi_checks.results.evidence import Architecture


@dataclass(frozen=True)
class ModelStep:
    """From one model to a neighbour that has something more."""

    before: str
    after: str
    change: str  # "attention-only, 1 → 2 layers"; "1 layer, attention-only → gelu"


def order(architecture: Architecture) -> tuple[bool, str, int]:
    """Attention-only models first, then those with MLPs by activation; each kind by depth."""
    return architecture.kind != "attention-only", architecture.kind, architecture.n_layers


def deeper(before: Architecture, after: Architecture) -> bool:
    """Whether the second is the first with one layer more."""
    return (after.kind, after.n_layers, after.n_heads) == (before.kind, before.n_layers + 1, before.n_heads)


def other_kind(before: Architecture, after: Architecture) -> bool:
    """Whether the second is the first with other MLPs, or with MLPs where the first has none."""
    same_size = (before.n_layers, before.n_heads) == (after.n_layers, after.n_heads)
    return same_size and order(before)[:2] < order(after)[:2]


def steps(models: Mapping[str, Architecture]) -> tuple[ModelStep, ...]:
    """Every step between neighbours: to one layer more, kind by kind; then to another kind, depth by depth."""
    ordered = sorted(models.items(), key=lambda item: (order(item[1]), item[0]))
    pairs = list(permutations(ordered, 2))
    down = [step(*first, *second) for first, second in pairs if deeper(first[1], second[1])]
    by_depth = sorted(pairs, key=lambda pair: pair[0][1].n_layers)
    across = [step(*first, *second) for first, second in by_depth if other_kind(first[1], second[1])]
    return (*down, *across)


def step(before: str, first: Architecture, after: str, second: Architecture) -> ModelStep:
    """Return the step between any two models."""
    if first.kind == second.kind:
        change = f"{first.kind}, {first.n_layers} → {second.n_layers} layers"
    elif first.n_layers == second.n_layers:
        layers = f"{first.n_layers} layer{'' if first.n_layers == 1 else 's'}"
        change = f"{layers}, {first.kind} → {second.kind}"
    else:
        change = f"{first.kind}, {first.n_layers} → {second.kind}, {second.n_layers} layers"
    return ModelStep(before, after, change)
