"""Circuits of nodes that are none, of edges that are none, and of everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction, previous], faithfulness",
            "x:21:44: 'previous' is listed twice",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction, L0H3], faithfulness",
            "x:21:22: for nano-attn-2l, 'L0H3' is named twice: by 'previous' and by 'L0H3'",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction, layer 0 heads], faithfulness",
            (
                "x:21:22: for nano-attn-2l, 'L0H3' is named twice: by 'previous' and by 'layer 0 heads'\n"
                "x:21:22: for nano-gelu-2l, 'L0H1' is named twice: by 'previous' and by 'layer 0 heads'"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [L0N3, L0.attn, L1H3.q, layer 1 neurons], faithfulness",
            (
                "x:21:23: a circuit 'among: heads' is of heads, and 'L0N3' is not one\n"
                "x:21:29: a circuit 'among: heads' is of heads, and 'L0.attn' is not one\n"
                "x:21:38: a circuit 'among: heads' is of heads, and 'L1H3.q' is not one\n"
                "x:21:46: a circuit 'among: heads' is of heads, and 'layer 1 neurons' is of neurons"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [L0.mlp, all mlps], faithfulness",
            (
                "x:21:23: a circuit 'among: heads' is of heads, and 'L0.mlp' is not one; write 'among: "
                "heads_and_mlps'\n"
                "x:21:31: a circuit 'among: heads' is of heads, and 'all mlps' is of MLP layers; write 'among: "
                "heads_and_mlps'"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, L0H3 -> L1H1.k], faithfulness",
            "x:21:33: 'L0H3 -> L1H1.k' is an edge, and nodes stand here; a circuit takes 'edges' in place of 'nodes'",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, logits], faithfulness",
            "x:21:33: 'logits' is no node, but where paths and edges end",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [], faithfulness",
            "x:21:22: an empty circuit claims nothing: name a node",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: all heads, faithfulness",
            (
                "x:21:22: for nano-attn-2l, the circuit is all 16 heads: with nothing ablated there is nothing to "
                "compare it with\n"
                "x:21:22: for nano-gelu-2l, the circuit is all 16 heads: with nothing ablated there is nothing to "
                "compare it with"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction, all heads except previous and induction], faithfulness",
            (
                "x:21:22: for nano-attn-2l, the circuit is all 16 heads: with nothing ablated there is nothing to "
                "compare it with\n"
                "x:21:22: for nano-gelu-2l, the circuit is all 16 heads: with nothing ablated there is nothing to "
                "compare it with"
            ),
        ),
        (
            (
                "nodes: [layer 0 heads, L0.mlp], among: heads_and_mlps, sufficient: {at_least: 0.9}, models: "
                "[nano-gelu-2l]"
            ),
            (
                "nodes: [all heads, all mlps], among: heads_and_mlps, sufficient: {at_least: 0.9}, models: "
                "[nano-gelu-2l]"
            ),
            (
                "x:23:22: for nano-gelu-2l, the circuit is all 16 heads and 2 MLP layers: with nothing ablated there "
                "is nothing to compare it with"
            ),
        ),
        (
            (
                "nodes: [layer 0 heads, L0.mlp], among: heads_and_mlps, sufficient: {at_least: 0.9}, models: "
                "[nano-gelu-2l]"
            ),
            "nodes: [L0.mlp, all mlps], among: heads_and_mlps, sufficient: {at_least: 0.9}",
            (
                "x:23:22: for nano-gelu-2l, 'L0.mlp' is named twice: by 'L0.mlp' and by 'all mlps'\n"
                "x:23:23: node 'L0.mlp' is outside nano-attn-2l, which has attention layers only\n"
                "x:23:31: 'all mlps' is outside nano-attn-2l, which has attention layers only"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[induction -> previous.k]",
            (
                "x:22:23: for nano-attn-2l, 'L1H1' does not come before 'L0H3.k', which reads what earlier layers "
                "write, so there is no such edge\n"
                "x:22:23: for nano-gelu-2l, 'L1H4' does not come before 'L0H1.k', which reads what earlier layers "
                "write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L1H3 -> L1H4.q]",
            (
                "x:22:23: 'L1H3' does not come before 'L1H4.q', which reads what earlier layers write, so there is "
                "no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L1H3 -> L0.mlp], among: heads_and_mlps",
            (
                "x:22:23: 'L1H3' does not come before 'L0.mlp', which reads what earlier layers write, and its own "
                "layer's heads, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[all heads -> layer 1 heads.k]",
            (
                "x:22:23: for nano-attn-2l, 'L1H0' does not come before 'L1H0.k', which reads what earlier layers "
                "write, so there is no such edge\n"
                "x:22:23: for nano-gelu-2l, 'L1H0' does not come before 'L1H0.k', which reads what earlier layers "
                "write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction]",
            (
                "x:22:23: 'L1H1' (in 'induction' of nano-attn-2l): a head is reached by its q, k or v; say which as "
                "in 'induction.k'"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> mover]",
            "x:22:23: 'mover': a head is reached by its q, k or v; say which as in 'mover.k'",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> L0.mlp.k], among: heads_and_mlps",
            "x:22:23: 'L0.mlp': an MLP layer has one input, and no k",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> logits.k]",
            "x:22:23: the logits have one input, and no k",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> L1.mlp, L0N4 -> L1H2.k, L0H3.v -> L1H2.k]",
            (
                "x:22:23: a circuit 'among: heads' is of heads, and 'L1.mlp' is not one; write 'among: "
                "heads_and_mlps'\n"
                "x:22:43: a circuit 'among: heads' is of heads, and 'L0N4' is not one\n"
                "x:22:59: a circuit 'among: heads' is of heads, and 'L0H3.v' is not one"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[logits -> L1H2.k, previos -> L1H2.k]",
            (
                "x:22:23: 'logits' is no node, but where paths and edges end\n"
                "x:22:41: unknown node, role or node set 'previos'; roles and node sets: mover, previous, induction; "
                "nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), "
                "L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all heads', 'layer "
                "0 heads', 'all heads except induction, L0H3' (or mlps, neurons); did you mean 'previous'?"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L9H2 -> logits]",
            (
                "x:22:23: node 'L9H2' is outside nano-attn-2l, which has layers 0 to 1\n"
                "x:22:23: node 'L9H2' is outside nano-gelu-2l, which has layers 0 to 1"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction.k, previous->induction.k]",
            "x:22:48: the edge 'previous -> induction.k' is given twice",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction.k, L0H3 -> L1H2.k]",
            (
                "x:22:48: for nano-attn-2l, the edge 'L0H3 -> L1H2.k' is given twice: by 'previous -> induction.k' "
                "and by 'L0H3 -> L1H2.k'"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            (
                "[layer 0 heads -> layer 1 heads.q, layer 0 heads -> layer 1 heads.k, layer 0 heads -> layer 1 "
                "heads.v, all heads -> logits]"
            ),
            (
                "x:22:22: for nano-attn-2l, the circuit is all edges between all 16 heads: with nothing ablated "
                "there is nothing to compare it with\n"
                "x:22:22: for nano-gelu-2l, the circuit is all edges between all 16 heads: with nothing ablated "
                "there is nothing to compare it with"
            ),
        ),
        (
            "faithfulness: {at_least: 0.8}",
            "faithfulness: {at_least: 80}",
            "x:21:45: faithfulness is a fraction, for which 1 means the whole, not 80; did you mean 0.8?",
        ),
        (
            "completeness: {at_most: 0.3}",
            "completeness: {at_most: -0.3}",
            "x:21:76: completeness is at least 0, never -0.3",
        ),
        (
            "completeness: {at_most: 0.3}",
            "completeness: {at_least: 0}",
            "x:21:76: completeness is always at least 0: nothing could fail",
        ),
        (
            "sufficient: {at_least: 0.9}",
            "sufficient: {at_least: 1.9}",
            "x:23:70: the fraction of random circuits is between 0 and 1, never 1.9",
        ),
        (
            "sufficient: {at_least: 0.9}",
            "necessary: {at_least: 0, at_most: 1}",
            "x:23:70: the fraction of random circuits is always at least 0 and at most 1: nothing could fail",
        ),
        (
            "minimal: true",
            "minimal: {at_least: -0.1}",
            "x:21:106: what removing a node changes is at least 0, never -0.1",
        ),
        (
            "cpr: {at_least: 0.5}, cmd: {at_most: 0.4}",
            "cpr: {at_least: 50}, cmd: {at_most: -0.4}",
            (
                "x:24:13: cpr is a fraction, for which 1 means the whole, not 50; did you mean 0.5?\n"
                "x:24:34: cmd is at least 0, never -0.4"
            ),
        ),
        (
            "times_random: {at_least: 2}",
            "times_random: {at_least: 0}",
            "x:18:55: a composition score over that of random matrices is always at least 0: nothing could fail",
        ),
        (
            "writes: {at_most: 0.5}",
            "writes: {at_most: -0.5}",
            "x:19:61: the fraction of an input's norm is at least 0, never -0.5",
        ),
        (
            "removes: {at_least: 0.1}",
            "removes: {at_least: 10}",
            "x:16:78: what a path removes is a fraction, for which 1 means the whole, not 10; did you mean 0.1?",
        ),
    ],
)
def test_error_text(misconnected: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert misconnected(old, new) == expected
