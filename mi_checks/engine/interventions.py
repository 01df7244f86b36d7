"""What can be done to a run: which nodes, at which positions, in which run, and what is put there instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mi_checks.engine.nodes import Node

Side = Literal["clean", "corrupt"]
Ablated = Literal["zero", "mean", "resample"]


@dataclass(frozen=True)
class Intervention:
    """Replace the activations of `nodes` together.

    Attributes:
        nodes: the nodes, replaced in one run.
        at: the label whose positions are replaced; None for all positions.
        run: the run intervened on.
        value: what is put there: the other run's activation, zero, the mean over prompts at the same position, or
            another prompt's activation.
    """

    nodes: tuple[Node, ...]
    at: str | None
    run: Side
    value: Side | Ablated


def denoise(*nodes: Node, at: str | None = None) -> Intervention:
    """Patch clean activations into the corrupt run."""
    return Intervention(nodes, at, run="corrupt", value="clean")


def noise(*nodes: Node, at: str | None = None) -> Intervention:
    """Patch corrupt activations into the clean run."""
    return Intervention(nodes, at, run="clean", value="corrupt")


def ablate(*nodes: Node, kind: Ablated, at: str | None = None) -> Intervention:
    """Replace activations of the clean run by zero, the batch mean, or another prompt's."""
    return Intervention(nodes, at, run="clean", value=kind)
