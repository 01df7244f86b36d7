"""The options of discovery, and the refusal of behaviours that a file declares absent. Importing it loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.spec.load_file import LoadedBehaviour

SEED_OFFSET = 1000  # the difference between discovery's default seed and the behaviour's
MAX_PAIRS = 128  # pairs in either batch, unless the user requests more
REDUCED_SWEEP_PAIRS = 32  # pairs that nodes are patched on if all would take too long
CIRCUIT_SEARCH_PAIRS = 64  # pairs that circuits are searched on; the result is measured on all
PRELIMINARY_PAIRS = 16  # pairs that sets of nodes are measured on before some are measured on more


@dataclass(frozen=True)
class DiscoveryOptions:
    """The amount of measurement, and the thresholds.

    Attributes:
        count: the number of prompt pairs to discover on, and of those to verify on; None for as many as the checks use,
            at most 128.
        seed: the seed of these pairs; None for the behaviour's own + 1000.
        above: the fraction of clean − corrupt that a node or a path must significantly recover or remove; for a neuron,
            half of it.
        faithful: the minimum of a circuit's faithfulness interval; its maximum is 2 minus this.
        exact_seconds: the time that a sweep may be expected to take; a longer one is replaced by
            attribution patching of all nodes and exact patching of some. 0 always replaces it, infinity never does.
    """

    count: int | None = None
    seed: int | None = None
    above: float = 0.1
    faithful: float = 0.8
    exact_seconds: float = 60.0


DEFAULT_OPTIONS = DiscoveryOptions()


def require_not_absent(loaded: LoadedBehaviour, model: str) -> None:
    """Raise if the behaviour is declared absent from the model.

    Raises:
        MiChecksError: there is no such model, or the behaviour is declared absent from it.
    """
    claims = resolve(model).claims
    if loaded.behaviour.is_absent(claims):
        place = loaded.place_of(("models", claims))
        raise MiChecksError(
            f"{place.file}:{place.line}: {loaded.behaviour.name} is declared absent from {claims}, so there is nothing "
            "to discover; remove the declaration to run discovery anyway"
        )
