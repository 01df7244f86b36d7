"""Node names and node sets that mean nothing, or the wrong thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "[L1H3, L0.attn]",
            "[L1H3, L0.atn]",
            (
                "x:24:30: unknown node, role or node set 'L0.atn'; roles and node sets: induction; nodes are written "
                "L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
                "L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all heads', 'layer 0 heads', "
                "'all heads except induction, L0H3' (or mlps, neurons)"
            ),
        ),
        (
            "[L1H3, L0.attn]",
            "[L1H3, L1H3]",
            "x:24:30: 'L1H3' is listed twice",
        ),
        (
            "[L1H3, L0.attn]",
            "[L1H3, L1H4@A2]",
            ("x:24:30: 'L1H4@A2': a position is not part of a node's name; give it with the check's 'at'"),
        ),
        (
            "[L1H3, L0.attn]",
            "[L1H3, inducton]",
            (
                "x:24:30: unknown node, role or node set 'inducton'; roles and node sets: induction; nodes are written "
                "L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
                "L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all heads', 'layer 0 heads', "
                "'all heads except induction, L0H3' (or mlps, neurons); did you "
                "mean 'induction'?"
            ),
        ),
        (
            "[L1H3, L0.attn]",
            "[L1H3, induction]",
            "x:24:23: for nano-attn-2l, 'L1H3' is named twice: by 'L1H3' and by 'induction'",
        ),
        (
            "[L1H3, L0.attn]",
            "[]",
            "x:24:23: no node is named; name at least one",
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{}",
            (
                "x:23:23: the node set 'induction' is not defined for nano-gelu-2l; define it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:25:23: the node set 'induction' is not defined for nano-gelu-2l; define it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:26:24: the node set 'induction' is not defined for nano-gelu-2l; define it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:27:56: the node set 'induction' is not defined for nano-gelu-2l; define it in "
                "'models.nano-gelu-2l.nodes'"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: []}}",
            (
                "x:23:23: for nano-gelu-2l, induction is empty, so no node is named\n"
                "x:25:23: for nano-gelu-2l, induction is empty, so no node is named\n"
                "x:26:24: for nano-gelu-2l, induction is empty, so no node is named"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: [L1H1, L1H1]}}",
            "x:30:44: 'L1H1' is listed twice",
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: [other]}}",
            (
                "x:30:38: unknown node 'other'; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
                "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
                "L1.resid_pre, L1.resid_mid, L1.resid_post"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: [L01H1]}}",
            (
                "x:30:38: unknown node 'L01H1'; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
                "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
                "L1.resid_pre, L1.resid_mid, L1.resid_post"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: L1H1, other: L1H2, L1H4: L1H5}}",
            (
                "x:30:43: no check of 'nano-gelu-2l' uses the node set 'other'; name it in a check or "
                "remove it\n"
                "x:30:56: a node set cannot be called 'L1H4', which is a node; choose another name"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: L1.mlp}}",
            (
                "x:26:24: attention takes only heads, but 'L1.mlp' (in 'induction' of nano-gelu-2l) "
                "is an MLP layer\n"
                "x:27:56: this check sweeps heads, but 'L1.mlp' (in 'induction' of nano-gelu-2l) is "
                "an MLP layer"
            ),
        ),
        (
            "attention: {nodes: induction",
            "attention: {nodes: L0.attn",
            "x:26:24: attention takes only heads, but 'L0.attn' is an attention layer",
        ),
        (
            "component: head",
            "component: neuron",
            (
                "x:27:58: this check sweeps neurons, but 'L1H1' (in 'induction' of nano-gelu-2l) is a "
                "head\n"
                "x:27:58: this check sweeps neurons, but 'L1H3' (in 'induction' of nano-attn-2l) is a "
                "head"
            ),
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
