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
            "x:24:30: 'L1H4@A2': a position is not part of a node's name here; write it as the check's 'at'",
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
            "x:24:23: no node is named",
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{}",
            (
                "x:23:23: the node set 'induction' is not bound for nano-gelu-2l; bind it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:25:23: the node set 'induction' is not bound for nano-gelu-2l; bind it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:26:24: the node set 'induction' is not bound for nano-gelu-2l; bind it in "
                "'models.nano-gelu-2l.nodes'\n"
                "x:27:56: the node set 'induction' is not bound for nano-gelu-2l; bind it in "
                "'models.nano-gelu-2l.nodes'"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: []}}",
            (
                "x:23:23: no node is named for nano-gelu-2l, where induction is empty\n"
                "x:25:23: no node is named for nano-gelu-2l, where induction is empty\n"
                "x:26:24: no node is named for nano-gelu-2l, where induction is empty"
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
                "x:30:43: the node set 'other' is used by no check of 'nano-gelu-2l'\n"
                "x:30:56: a node set cannot be called 'L1H4': that is a node"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: L1.mlp}}",
            (
                "x:26:24: attention is about heads, and 'L1.mlp' (in 'induction' of nano-gelu-2l) is not "
                "one\n"
                "x:27:56: mediators is about heads here, and 'L1.mlp' (in 'induction' of nano-gelu-2l) is not "
                "one"
            ),
        ),
        (
            "attention: {nodes: induction",
            "attention: {nodes: L0.attn",
            "x:26:24: attention is about heads, and 'L0.attn' is not one",
        ),
        (
            "component: head",
            "component: neuron",
            (
                "x:27:58: mediators is about neurons here, and 'L1H1' (in 'induction' of nano-gelu-2l) is not "
                "one\n"
                "x:27:58: mediators is about neurons here, and 'L1H3' (in 'induction' of nano-attn-2l) is not "
                "one"
            ),
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
