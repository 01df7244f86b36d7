"""What discovery may be told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

SEED_OFFSET = 1000  # discovery's seed lies so far from the behaviour's own
MOST_PAIRS = 128  # in either batch, where nobody asks for more
EXPLORED = 32  # pairs that nodes are patched on where all would take too long
SEARCHED = 64  # pairs on which circuits are searched; what is found is measured on all
SCREENED = 16  # pairs on which sets of nodes are looked at before some are measured on more


@dataclass(frozen=True)
class Settings:
    """How much is measured, and what counts as found.

    Attributes:
        count: prompt pairs to discover on, and as many to verify on; None: as many as the checks use, at most 128.
        seed: of these pairs; None: the behaviour's own + 1000.
        above: the fraction of clean − corrupt that a node or a path must significantly recover or remove to be found; a
            neuron, half of it.
        faithful: the faithfulness that a circuit's interval must keep, and by how much it may exceed 1 likewise.
        exact_seconds: the time that a sweep may be expected to take; a longer one is screened. 0 always screens,
            infinity never does.
    """

    count: int | None = None
    seed: int | None = None
    above: float = 0.1
    faithful: float = 0.8
    exact_seconds: float = 60.0


USUAL = Settings()
