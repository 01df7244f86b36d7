"""The settings of discovery."""

from __future__ import annotations

from dataclasses import dataclass

SEED_OFFSET = 1000  # the difference between discovery's default seed and the behaviour's
MAX_PAIRS = 128  # pairs in either batch, unless the user requests more
EXPLORED = 32  # pairs that nodes are patched on if all would take too long
SEARCHED = 64  # pairs that circuits are searched on; the result is measured on all
SCREENED = 16  # pairs that sets of nodes are screened on before some are measured on more


@dataclass(frozen=True)
class Settings:
    """The amount of measurement, and the thresholds.

    Attributes:
        count: the number of prompt pairs to discover on, and of those to verify on; None for as many as the checks use,
            at most 128.
        seed: the seed of these pairs; None for the behaviour's own + 1000.
        above: the fraction of clean − corrupt that a node or a path must significantly recover or remove; for a neuron,
            half of it.
        faithful: the minimum of a circuit's faithfulness interval; its maximum is 2 minus this.
        exact_seconds: the time that a sweep may be expected to take; a longer one is replaced by a screen. 0 always
            screens, infinity never does.
    """

    count: int | None = None
    seed: int | None = None
    above: float = 0.1
    faithful: float = 0.8
    exact_seconds: float = 60.0


USUAL = Settings()
