"""Paths, composition and attribution between nodes that nothing can connect."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, recovers: {at_least: 0.3}",
            (
                "x:15:32: 'L1H1' (in 'induction' of nano-attn-2l): a path enters a head through its "
                "q, k or v; write which one with 'via'"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: mover, recovers: {at_least: 0.3}",
            ("x:15:32: 'mover': a path enters a head through its q, k or v; write which one with 'via'"),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: layer 1 heads, recovers: {at_least: 0.3}",
            ("x:15:32: 'layer 1 heads': a path enters a head through its q, k or v; write which one with 'via'"),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: logits, via: k, recovers: {at_least: 0.3}",
            "x:15:45: the logits have only one input; remove 'k'",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: L1H3.k, recovers: {at_least: 0.3}",
            (
                "x:15:32: a path enters only heads, MLP layers or 'logits', but 'L1H3.k' is the keys "
                "of a head; name the head, and give its input with 'via'"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: [logits, L1H3], via: k, recovers: {at_least: 0.3}",
            ("x:15:33: 'logits' is not a node, but the end of paths and edges; alone, it is written 'to: logits'"),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: logit, recovers: {at_least: 0.3}",
            (
                "x:15:32: unknown node, role or node set 'logit'; roles and node sets: mover, previous, induction; "
                "nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), "
                "L1.attn, L1.mlp, L1.resid_pre, L1.resid_mid, L1.resid_post; groups are written 'all heads', 'layer "
                "0 heads', 'all heads except induction, L0H3' (or mlps, neurons); did you mean 'logits'?"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: [L1.attn, L1.resid_pre, L1N3, all neurons], recovers: {at_least: 0.3}",
            (
                "x:15:33: a path enters only heads, MLP layers or 'logits', but 'L1.attn' is an "
                "attention layer\n"
                "x:15:42: a path enters only heads, MLP layers or 'logits', but 'L1.resid_pre' is a "
                "residual stream\n"
                "x:15:56: a path enters only heads, MLP layers or 'logits', but 'L1N3' is a neuron\n"
                "x:15:62: a path enters only heads, MLP layers or 'logits', but 'all neurons' "
                "consists of neurons"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [logits, L0.resid_post, L0H3.v], to: induction, via: k, recovers: {at_least: 0.3}",
            (
                "x:15:19: 'logits' is not a node, but the end of paths and edges\n"
                "x:15:27: a path starts at what writes: heads, neurons, attention and MLP layers, but "
                "'L0.resid_post' is a residual stream\n"
                "x:15:42: a path starts at what writes: heads, neurons, attention and MLP layers, but "
                "'L0H3.v' is the values of a head"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: L0H3 -> L1H1.k, to: induction, via: k, recovers: {at_least: 0.3}",
            (
                "x:15:18: 'L0H3 -> L1H1.k' is an edge, but nodes are expected; a circuit may have "
                "'edges' instead of 'nodes'"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [previous, previous], to: induction, via: k, recovers: {at_least: 0.3}",
            "x:15:29: 'previous' is listed twice",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [previous, L0H3], to: induction, via: k, recovers: {at_least: 0.3}",
            "x:15:18: for nano-attn-2l, 'L0H3' is named twice: by 'previous' and by 'L0H3'",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [L0.attn, previous], to: induction, via: k, recovers: {at_least: 0.3}",
            (
                "x:15:18: for nano-attn-2l, 'L0H3' is part of 'L0.attn', so it would be counted twice"
                "\n"
                "x:15:18: for nano-gelu-2l, 'L0H1' is part of 'L0.attn', so it would be counted twice"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [], to: induction, via: k, recovers: {at_least: 0.3}",
            "x:15:18: no node is named; name at least one",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: [], via: k, recovers: {at_least: 0.3}",
            "x:15:32: no node is named; name at least one",
        ),
        (
            "to: L1.mlp, at: A2",
            "to: L1.mlp, via: k, at: A2",
            "x:16:62: 'L1.mlp': an MLP layer has only one input; remove 'k'",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: L1H1}]",
            ("x:16:42: 'L1H1': a path enters a head through its q, k or v; write which one with 'via'"),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: L0.mlp, via: v}]",
            "x:16:42: 'L0.mlp': an MLP layer has only one input; remove 'v'",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: logits}]",
            "x:16:42: 'logits' is not a node, but the end of paths and edges",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: [L1H1, L1.resid_mid], via: v}]",
            ("x:16:49: a path enters only heads, MLP layers or 'logits', but 'L1.resid_mid' is a residual stream"),
        ),
        (
            "at: A2, removes",
            "at: A3, removes",
            "x:16:74: unknown label 'A3'; labels in the template: A1, B1, A2, END",
        ),
        (
            "at: B1, writes",
            "at: B2, writes",
            "x:19:57: unknown label 'B2'; labels in the template: A1, B1, A2, END",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: induction, to: previous, via: k, recovers: {at_least: 0.3}",
            (
                "x:15:33: for nano-attn-2l, 'L1H1' does not come before 'L0H3.k', which reads only "
                "what earlier layers write\n"
                "x:15:33: for nano-gelu-2l, 'L1H4' does not come before 'L0H1.k', which reads only "
                "what earlier layers write"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: L1H3, to: [L1H4, L2H1], via: k, recovers: {at_least: 0.3}",
            ("x:15:28: 'L1H3' does not come before 'L1H4.k', which reads only what earlier layers write"),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: [L0H3, L1H2], to: induction, via: k, recovers: {at_least: 0.3}",
            (
                "x:15:36: for nano-attn-2l, 'L1H2' does not come before 'L1H1.k', which reads only "
                "what earlier layers write\n"
                "x:15:36: for nano-gelu-2l, 'L1H2' does not come before 'L1H4.k', which reads only "
                "what earlier layers write"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: L1.mlp, to: L1.mlp, recovers: {at_least: 0.3}",
            (
                "x:15:30: 'L1.mlp' does not come before 'L1.mlp', which reads only what earlier "
                "layers write, and what heads of its own layer write"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: L1N3, to: L1.mlp, recovers: {at_least: 0.3}",
            (
                "x:15:28: 'L1N3' does not come before 'L1.mlp', which reads only what earlier layers "
                "write, and what heads of its own layer write"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: all heads, to: L1H3, via: q, recovers: {at_least: 0.3}",
            (
                "x:15:33: for nano-attn-2l, 'L1H0' does not come before 'L1H3.q', which reads only "
                "what earlier layers write\n"
                "x:15:33: for nano-gelu-2l, 'L1H0' does not come before 'L1H3.q', which reads only "
                "what earlier layers write"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: L0.attn, to: L0.mlp, recovers: {at_least: 0.3}",
            ("x:15:31: node 'L0.mlp' does not exist in nano-attn-2l, which has attention layers only"),
        ),
        (
            "from: L0H0, through",
            "from: L1H0, through",
            ("x:16:42: 'L1H0' does not come before 'L1H1.v', which reads only what earlier layers write"),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: L0H1, via: v}]",
            ("x:16:42: 'L0H0' does not come before 'L0H1.v', which reads only what earlier layers write"),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: L1H1, via: v}, {nodes: L0.mlp}]",
            (
                "x:16:65: 'L1H1' does not come before 'L0.mlp', which reads only what earlier layers "
                "write, and what heads of its own layer write"
            ),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: mover, via: v}, {nodes: L0H3, via: q}]",
            ("x:16:66: 'L0H0' does not come before 'L0H3.q', which reads only what earlier layers write"),
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: induction, to: previous, via: q, times_random: {at_least: 2}",
            (
                "x:18:37: for nano-attn-2l, 'L1H1' does not come before 'L0H3.q', which reads only "
                "what earlier layers write\n"
                "x:18:37: for nano-gelu-2l, 'L1H4' does not come before 'L0H1.q', which reads only "
                "what earlier layers write"
            ),
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: [previous, L1H5], to: [L1H2, L0H5], via: q, times_random: {at_least: 2}",
            (
                "x:18:44: for nano-attn-2l, 'L0H3' does not come before 'L0H5.q', which reads only "
                "what earlier layers write\n"
                "x:18:44: for nano-gelu-2l, 'L0H1' does not come before 'L0H5.q', which reads only "
                "what earlier layers write"
            ),
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: L0.mlp, to: L1H1.q, via: q, times_random: {at_least: 2}",
            (
                "x:18:22: composes takes only heads, but 'L0.mlp' is an MLP layer\n"
                "x:18:34: composes takes only heads, but 'L1H1.q' is the queries of a head; name the "
                "head, and give its input with 'via'"
            ),
        ),
        (
            "nodes: [mover, L1H0]",
            "nodes: [L1.attn, L1H0]",
            (
                "x:20:39: for nano-attn-2l, 'L1H0' is part of 'L1.attn', so it would be counted twice"
                "\n"
                "x:20:39: for nano-gelu-2l, 'L1H0' is part of 'L1.attn', so it would be counted twice"
            ),
        ),
        (
            "nodes: [mover, L1H0]",
            "nodes: [L1.resid_pre, L1H0.k]",
            (
                "x:20:40: direct logit attribution takes only what writes: heads, neurons, attention "
                "and MLP layers, but 'L1.resid_pre' is a residual stream\n"
                "x:20:54: direct logit attribution takes only what writes: heads, neurons, attention "
                "and MLP layers, but 'L1H0.k' is the keys of a head"
            ),
        ),
        (
            "  answer:",
            ("  score: log_probability\n  answer:"),
            (
                "x:21:5: direct logit attribution needs a score that is linear in the logits, and "
                "'log_probability' is not; use first_token or first_difference"
            ),
        ),
        (
            "  answer:",
            ("  score: probability\n  answer:"),
            (
                "x:10:10: unknown score 'probability'; scores: first_token, first_difference, "
                "log_probability; did you mean 'log_probability'?\n"
                "x:21:5: direct logit attribution needs a score that is linear in the logits, and "
                "'probability' is not; use first_token or first_difference"
            ),
        ),
        (
            "  answer:",
            ("  foil_reduction: max\n  answer:"),
            (
                "x:21:5: direct logit attribution needs a score that is linear in the logits, and the "
                "maximum of several is not; remove 'foil_reduction' under 'prompts'"
            ),
        ),
        (
            "  answer:",
            ("  align: labels\n  answer:"),
            (
                "x:16:5: clean and corrupt prompts correspond only at their labels ('align: labels'), "
                "but this check patches at all positions; add 'at' with one of A1, B1, A2, END\n"
                "x:18:5: clean and corrupt prompts correspond only at their labels ('align: labels'), "
                "but this check patches at all positions; add 'at' with one of A1, B1, A2, END\n"
                "x:26:5: clean and corrupt prompts correspond only at their labels ('align: labels'), "
                "but this check patches at all positions; add 'at' with one of A1, B1, A2, END"
            ),
        ),
    ],
)
def test_error_text(misconnected: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert misconnected(old, new) == expected
