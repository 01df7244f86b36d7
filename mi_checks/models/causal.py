"""Whether a model reads its prompts from left to right, as everything that is measured here rests on."""

from __future__ import annotations

import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.models.sources.source import Unloadable

TOKENS = 6  # of the probe, the last of which is exchanged
TOLERANCE = 0.01  # of the logits' spread: rounding in half precision is ten times smaller


def check_causal(bridge: TransformerBridge, rows: int) -> None:
    """Raise if what a model says at a token depends on what comes after it.

    Args:
        bridge: the model, in evaluation mode.
        rows: how many tokens it embeds.

    Raises:
        Unloadable: it depends on it.
    """
    tokens = min(TOKENS, int(bridge.cfg.n_ctx))
    if tokens < 2 or rows < 2:
        return
    first = [(rows // 2 + place) % rows for place in range(tokens)]
    other = [*first[:-1], (first[-1] + 1) % rows]
    with torch.no_grad():
        logits = bridge(torch.tensor([first, other], device=next(bridge.parameters()).device))[:, :-1].float()
    if not logits.isfinite().all():  # that is told where it is measured
        return
    if (logits[0] - logits[1]).abs().max() > TOLERANCE * logits.std():
        raise Unloadable(
            "it is not causal: what it says at a token changes with the tokens after it, as in encoders and in models "
            "with bidirectional attention; only models that read from left to right can be measured"
        )
