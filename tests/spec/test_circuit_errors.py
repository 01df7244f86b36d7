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
                "x:21:23: a circuit with 'among: heads' consists of heads, but 'L0N3' is a neuron\n"
                "x:21:29: a circuit with 'among: heads' consists of heads, but 'L0.attn' is an "
                "attention layer\n"
                "x:21:38: a circuit with 'among: heads' consists of heads, but 'L1H3.q' is the "
                "queries of a head\n"
                "x:21:46: a circuit with 'among: heads' consists of heads, but 'layer 1 neurons' "
                "consists of neurons"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [L0.mlp, all mlps], faithfulness",
            (
                "x:21:23: a circuit with 'among: heads' consists of heads, but 'L0.mlp' is an MLP "
                "layer; write 'among: heads_and_mlps'\n"
                "x:21:31: a circuit with 'among: heads' consists of heads, but 'all mlps' consists of "
                "MLP layers; write 'among: heads_and_mlps'"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, L0H3 -> L1H1.k], faithfulness",
            (
                "x:21:33: 'L0H3 -> L1H1.k' is an edge, but nodes are expected; a circuit may have "
                "'edges' instead of 'nodes'"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, logits], faithfulness",
            "x:21:33: 'logits' is not a node, but the end of paths and edges",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [], faithfulness",
            "x:21:22: an empty circuit claims nothing; name at least one node",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: all heads, faithfulness",
            (
                "x:21:22: for nano-attn-2l, the circuit contains all 16 heads, so nothing would be "
                "ablated; leave out at least one\n"
                "x:21:22: for nano-gelu-2l, the circuit contains all 16 heads, so nothing would be "
                "ablated; leave out at least one"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction, all heads except previous and induction], faithfulness",
            (
                "x:21:22: for nano-attn-2l, the circuit contains all 16 heads, so nothing would be "
                "ablated; leave out at least one\n"
                "x:21:22: for nano-gelu-2l, the circuit contains all 16 heads, so nothing would be "
                "ablated; leave out at least one"
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
                "x:23:22: for nano-gelu-2l, the circuit contains all 16 heads and 2 MLP layers, so "
                "nothing would be ablated; leave out at least one"
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
                "x:23:23: node 'L0.mlp' does not exist in nano-attn-2l, which has attention layers "
                "only\n"
                "x:23:31: 'all mlps' does not exist in nano-attn-2l, which has attention layers only"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[induction -> previous.k]",
            (
                "x:22:23: for nano-attn-2l, 'L1H1' does not come before 'L0H3.k', which reads only "
                "what earlier layers write, so there is no such edge\n"
                "x:22:23: for nano-gelu-2l, 'L1H4' does not come before 'L0H1.k', which reads only "
                "what earlier layers write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L1H3 -> L1H4.q]",
            (
                "x:22:23: 'L1H3' does not come before 'L1H4.q', which reads only what earlier layers "
                "write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L1H3 -> L0.mlp], among: heads_and_mlps",
            (
                "x:22:23: 'L1H3' does not come before 'L0.mlp', which reads only what earlier layers "
                "write, and what heads of its own layer write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[all heads -> layer 1 heads.k]",
            (
                "x:22:23: for nano-attn-2l, 'L1H0' does not come before 'L1H0.k', which reads only "
                "what earlier layers write, so there is no such edge\n"
                "x:22:23: for nano-gelu-2l, 'L1H0' does not come before 'L1H0.k', which reads only "
                "what earlier layers write, so there is no such edge"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction]",
            (
                "x:22:23: 'L1H1' (in 'induction' of nano-attn-2l): a path enters a head through its "
                "q, k or v; write which one as in 'induction.k'"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> mover]",
            ("x:22:23: 'mover': a path enters a head through its q, k or v; write which one as in 'mover.k'"),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> L0.mlp.k], among: heads_and_mlps",
            "x:22:23: 'L0.mlp': an MLP layer has only one input; remove 'k'",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> logits.k]",
            "x:22:23: the logits have only one input; remove 'k'",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> L1.mlp, L0N4 -> L1H2.k, L0H3.v -> L1H2.k]",
            (
                "x:22:23: a circuit with 'among: heads' consists of heads, but 'L1.mlp' is an MLP "
                "layer; write 'among: heads_and_mlps'\n"
                "x:22:43: a circuit with 'among: heads' consists of heads, but 'L0N4' is a neuron\n"
                "x:22:59: a circuit with 'among: heads' consists of heads, but 'L0H3.v' is the values "
                "of a head"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[logits -> L1H2.k, previos -> L1H2.k]",
            (
                "x:22:23: 'logits' is not a node, but the end of paths and edges\n"
                "x:22:41: unknown node, role or node set 'previos'; roles and node sets: mover, "
                "previous, induction; nodes are written L1H6 (head), L1H6.q (its queries; k, v, "
                "pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, "
                "L1.resid_post; groups are written 'all heads', 'layer 0 heads', 'all heads except "
                "induction, L0H3' (or mlps, neurons); did you mean 'previous'?"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[L9H2 -> logits]",
            (
                "x:22:23: node 'L9H2' does not exist in nano-attn-2l, which has layers 0 to 1\n"
                "x:22:23: node 'L9H2' does not exist in nano-gelu-2l, which has layers 0 to 1"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction.k, previous->induction.k]",
            "x:22:48: the edge 'previous -> induction.k' appears twice",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous -> induction.k, L0H3 -> L1H2.k]",
            (
                "x:22:48: for nano-attn-2l, the edge 'L0H3 -> L1H2.k' is named twice: by 'previous -> "
                "induction.k' and by 'L0H3 -> L1H2.k'"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            (
                "[layer 0 heads -> layer 1 heads.q, layer 0 heads -> layer 1 heads.k, layer 0 heads -> layer 1 "
                "heads.v, all heads -> logits]"
            ),
            (
                "x:22:22: for nano-attn-2l, the circuit contains all edges between all 16 heads, so "
                "nothing would be ablated; leave out at least one\n"
                "x:22:22: for nano-gelu-2l, the circuit contains all edges between all 16 heads, so "
                "nothing would be ablated; leave out at least one"
            ),
        ),
        (
            "faithfulness: {at_least: 0.8}",
            "faithfulness: {at_least: 80}",
            ("x:21:45: for faithfulness, 1 means the whole, so a bound of 80 makes no sense; did you mean 0.8?"),
        ),
        (
            "completeness: {at_most: 0.3}",
            "completeness: {at_most: -0.3}",
            "x:21:76: completeness is always at least 0, so a bound of -0.3 makes no sense",
        ),
        (
            "completeness: {at_most: 0.3}",
            "completeness: {at_least: 0}",
            "x:21:76: completeness is always at least 0, so this check could never fail",
        ),
        (
            "sufficient: {at_least: 0.9}",
            "sufficient: {at_least: 1.9}",
            ("x:23:70: the fraction of random circuits is always between 0 and 1, so a bound of 1.9 makes no sense"),
        ),
        (
            "sufficient: {at_least: 0.9}",
            "necessary: {at_least: 0, at_most: 1}",
            (
                "x:23:70: the fraction of random circuits is always at least 0 and at most 1, so this "
                "check could never fail"
            ),
        ),
        (
            "minimal: true",
            "minimal: {at_least: -0.1}",
            ("x:21:106: the change when a node is removed is always at least 0, so a bound of -0.1 makes no sense"),
        ),
        (
            "cpr: {at_least: 0.5}, cmd: {at_most: 0.4}",
            "cpr: {at_least: 50}, cmd: {at_most: -0.4}",
            (
                "x:24:13: for cpr, 1 means the whole, so a bound of 50 makes no sense; did you mean "
                "0.5?\n"
                "x:24:34: cmd is always at least 0, so a bound of -0.4 makes no sense"
            ),
        ),
        (
            "times_random: {at_least: 2}",
            "times_random: {at_least: 0}",
            (
                "x:18:55: a composition score relative to random matrices is always at least 0, so "
                "this check could never fail"
            ),
        ),
        (
            "writes: {at_most: 0.5}",
            "writes: {at_most: -0.5}",
            ("x:19:61: the fraction of an input's norm is always at least 0, so a bound of -0.5 makes no sense"),
        ),
        (
            "removes: {at_least: 0.1}",
            "removes: {at_least: 10}",
            (
                "x:16:78: for the fraction that path patching removes, 1 means the whole, so a bound "
                "of 10 makes no sense; did you mean 0.1?"
            ),
        ),
    ],
)
def test_error_text(misconnected: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert misconnected(old, new) == expected
