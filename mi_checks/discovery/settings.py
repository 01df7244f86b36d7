"""What discovery may be told otherwise."""

from __future__ import annotations

from dataclasses import dataclass

SEED_OFFSET = 1000  # discovery's seed lies so far from the behaviour's own
MOST_PAIRS = 128  # in either batch, where nobody asks for more
SEARCHED = 64  # pairs on which circuits and pairs of heads are searched; what is found is measured on all
SCREENED = 16  # pairs on which all pairs of heads are looked at before some are measured on more


@dataclass(frozen=True)
class Settings:
    """How much is measured, and what counts as found.

    Attributes:
        count: prompt pairs to discover on, and as many to verify on; None: as many as the checks use, at most 128.
        seed: of these pairs; None: the behaviour's own + 1000.
        above: the share of clean − corrupt that a node or a path must surely recover to be found; a neuron, half of it.
        faithful: the faithfulness that the lower end of a circuit's interval must keep.
    """

    count: int | None = None
    seed: int | None = None
    above: float = 0.1
    faithful: float = 0.8


USUAL = Settings()
