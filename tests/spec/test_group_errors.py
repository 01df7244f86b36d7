"""Groups of nodes that are misspelt, outside the model, or empty."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "all heads except induction and L0H0",
            "all heads except inducton and L0H0",
            (
                "x:25:23: unknown node, role or node set 'inducton'; roles and node sets: mover, previous, "
                "induction; nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 "
                "(neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all "
                "heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, neurons); did you mean "
                "'induction'?"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all head",
            (
                "x:25:23: unknown node, role or node set 'all head'; roles and node sets: mover, previous, "
                "induction; nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 "
                "(neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all "
                "heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, neurons); did you mean 'all "
                "heads'?"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "layers 01 heads",
            (
                "x:25:23: unknown node, role or node set 'layers 01 heads'; roles and node sets: mover, previous, "
                "induction; nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 "
                "(neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all "
                "heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, neurons); did you mean 'layer "
                "1 heads'?"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "layer 1 heads except layer 1 heads except L1H0",
            (
                "x:25:23: unknown node, role or node set 'layer 1 heads except layer 1 heads except L1H0'; roles and "
                "node sets: mover, previous, induction; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
                "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; "
                "groups are written 'all heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, "
                "neurons)"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "layer 2 heads",
            (
                "x:25:23: 'layer 2 heads' does not exist in nano-attn-2l, which has layers 0 to 1\n"
                "x:25:23: 'layer 2 heads' does not exist in nano-gelu-2l, which has layers 0 to 1"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all mlps",
            "x:25:23: 'all mlps' does not exist in nano-attn-2l, which has attention layers only",
        ),
        (
            "all heads except induction and L0H0",
            "all neurons except L0N99",
            (
                "x:25:23: 'all neurons except L0N99' does not exist in nano-attn-2l, which has "
                "attention layers only\n"
                "x:25:23: node 'L0N99' does not exist in nano-gelu-2l, which has neurons 0 to 15 in "
                "each layer"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all heads except L0H8",
            (
                "x:25:23: node 'L0H8' does not exist in nano-attn-2l, which has heads 0 to 7 in each "
                "layer\n"
                "x:25:23: node 'L0H8' does not exist in nano-gelu-2l, which has heads 0 to 7 in each "
                "layer"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all heads except layer 3 heads",
            (
                "x:25:23: 'layer 3 heads' does not exist in nano-attn-2l, which has layers 0 to 1\n"
                "x:25:23: 'layer 3 heads' does not exist in nano-gelu-2l, which has layers 0 to 1"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all heads except layer 0 heads and layer 1 heads",
            (
                "x:25:23: for nano-attn-2l, all heads except layer 0 heads and layer 1 heads is "
                "empty, so no node is named\n"
                "x:25:23: for nano-gelu-2l, all heads except layer 0 heads and layer 1 heads is "
                "empty, so no node is named"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "[all heads except induction, L0H0]",
            (
                "x:25:23: for nano-attn-2l, 'L0H0' is named twice: by 'all heads except induction' and by 'L0H0'\n"
                "x:25:23: for nano-gelu-2l, 'L0H0' is named twice: by 'all heads except induction' and by 'L0H0'"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "[layer 0 heads, layer 0 heads]",
            "x:25:39: 'layer 0 heads' is listed twice",
        ),
        (
            "all heads except induction and L0H0",
            "[layer 0 heads, all heads]",
            (
                "x:25:23: for nano-attn-2l, 'L0H0' is named twice: by 'layer 0 heads' and by 'all heads'\n"
                "x:25:23: for nano-gelu-2l, 'L0H0' is named twice: by 'layer 0 heads' and by 'all heads'"
            ),
        ),
        (
            "induction: L1H4}",
            "induction: all heads}",
            (
                "x:28:53: unknown node 'all heads'; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
                "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post"
            ),
        ),
        (
            "induction: L1H4}",
            "induction: L1H4, logits: L0H1}",
            ("x:28:59: a node set cannot be called 'logits', the end of a path; choose another name"),
        ),
    ],
)
def test_error_text(misconnected: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert misconnected(old, new) == expected
