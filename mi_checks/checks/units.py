"""What scores are counted in."""

from __future__ import annotations

from mi_checks.spec.scoring import FIRST_DIFFERENCE, FIRST_TOKEN, LOG_PROBABILITY


def unit(score: str) -> str:
    """Return what a score is counted in: logits, nats, or its own name."""
    return {FIRST_TOKEN: "logits", FIRST_DIFFERENCE: "logits", LOG_PROBABILITY: "nats"}.get(score, score)
