"""Wrong keys and types in checks of paths and circuits, as the user reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "to: induction, via: k, recovers: {at_least: 0.3}",
            "x:15:5: missing key 'from' in 'checks[0].path'",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: 3, to: induction, via: k, recovers: {at_least: 0.3}",
            "x:15:18: 'checks[0].path.from' must be text, not 3; put quotes around it",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}, removes: {at_least: 0.3}",
            "x:15:5: 'checks[0].path': a path needs exactly one of 'recovers' (denoising) and 'removes' (noising)",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: k",
            "x:15:5: 'checks[0].path': a path needs exactly one of 'recovers' (denoising) and 'removes' (noising)",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: x, recovers: {at_least: 0.3}",
            "x:15:48: 'checks[0].path.via' must be one of q, k, v, not the text 'x'",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: [q, k], recovers: {at_least: 0.3}",
            "x:15:48: 'checks[0].path.via' must be one of q, k, v, not a list",
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: k, recover: {at_least: 0.3}",
            (
                "x:15:51: unknown key 'recover' in 'checks[0].path'; valid keys: at, from, models, recovers, "
                "removes, through, to, via; did you mean 'recovers'?"
            ),
        ),
        (
            "from: previous, to: induction, via: k, recovers: {at_least: 0.3}",
            "from: previous, to: induction, via: k, recovers: {atleast: 0.3}",
            (
                "x:15:62: unknown key 'atleast' in 'checks[0].path.recovers'; valid keys: at_least, at_most; did you "
                "mean 'at_least'?"
            ),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{node: L1H1, via: v}]",
            (
                "x:16:35: unknown key 'node' in 'checks[1].path.through[0]'; valid keys: nodes, via; did you mean "
                "'nodes'?"
            ),
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{nodes: L1H1, by: v}]",
            "x:16:48: unknown key 'by' in 'checks[1].path.through[0]'; valid keys: nodes, via",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [L1H1]",
            "x:16:34: 'checks[1].path.through[0]' must be a mapping, not the text 'L1H1'",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: {nodes: L1H1, via: v}",
            "x:16:33: 'checks[1].path.through' must be a list, not a mapping",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: []",
            "x:16:33: 'checks[1].path.through' must not be empty",
        ),
        (
            "through: [{nodes: L1H1, via: v}]",
            "through: [{via: v}]",
            "x:16:34: missing key 'nodes' in 'checks[1].path.through[0]'",
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: previous, to: induction, times_random: {at_least: 2}",
            "x:18:5: missing key 'via' in 'checks[3].composes'",
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: previous, to: induction, via: q, times_random: {at_least: 2}, writes: {at_least: 0.1}, at: B1",
            (
                "x:18:5: 'checks[3].composes': composes needs exactly one of 'times_random' (weights) and 'writes' "
                "(on the prompts)"
            ),
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: previous, to: induction, via: q, times_random: {at_least: 2}, at: B1",
            (
                "x:18:5: 'checks[3].composes': 'at' has no meaning with 'times_random', which depends "
                "only on the weights; remove it"
            ),
        ),
        (
            "at: B1, writes",
            "writes",
            ("x:19:5: 'checks[4].composes': 'writes' needs 'at', the label at which the input is read"),
        ),
        (
            "from: previous, to: induction, via: q, times_random: {at_least: 2}",
            "from: previous, to: induction, via: q, random: {at_least: 2}",
            (
                "x:18:55: unknown key 'random' in 'checks[3].composes'; valid keys: at, from, models, times_random, "
                "to, via, writes; did you mean 'times_random'?"
            ),
        ),
        (
            "nodes: [mover, L1H0], at_least: 0.5",
            "nodes: [mover, L1H0]",
            "x:20:5: 'checks[5].direct_logit_attribution': a bound needs 'at_least' or 'at_most'",
        ),
        (
            "nodes: [mover, L1H0], at_least: 0.5",
            "nodes: [mover, L1H0], at: B1, at_least: 0.5",
            (
                "x:20:54: unknown key 'at' in 'checks[5].direct_logit_attribution'; valid keys: "
                "at_least, at_most, models, nodes"
            ),
        ),
        (
            "minimal: true",
            "minimal: false",
            (
                "x:21:106: 'checks[6].circuit.minimal': write true or a bound, not false; to claim "
                "nothing, remove the key"
            ),
        ),
        (
            "minimal: true",
            "minimal: 1",
            ("x:21:106: 'checks[6].circuit.minimal': write true or a bound, not 1; to claim nothing, remove the key"),
        ),
        (
            "minimal: true",
            "minimal: {atleast: 1}",
            (
                "x:21:116: unknown key 'atleast' in 'checks[6].circuit.minimal'; valid keys: at_least, at_most; did "
                "you mean 'at_least'?"
            ),
        ),
        (
            "minimal: true",
            "minimal: {}",
            "x:21:106: 'checks[6].circuit.minimal': a bound needs 'at_least' or 'at_most'",
        ),
        (
            "minimal: true",
            "minimal:",
            "x:21:114: 'checks[6].circuit.minimal' has no value; add one or remove the key",
        ),
        (
            "faithfulness: {at_least: 0.8}, completeness: {at_most: 0.3}, minimal: true",
            "with: mean",
            (
                "x:21:5: 'checks[6].circuit': this circuit check claims nothing; add at least one of "
                "faithfulness, completeness, sufficient, necessary, minimal"
            ),
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "faithfulness",
            "x:21:5: 'checks[6].circuit': a circuit needs exactly one of 'nodes' and 'edges'",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction], edges: [L0H1 -> logits], faithfulness",
            "x:21:5: 'checks[6].circuit': a circuit needs exactly one of 'nodes' and 'edges'",
        ),
        (
            "nodes: [previous, induction], faithfulness",
            "nodes: [previous, induction], faithfullness",
            (
                "x:21:45: unknown key 'faithfullness' in 'checks[6].circuit'; valid keys: among, completeness, "
                "edges, faithfulness, minimal, models, necessary, nodes, sufficient, with; did you mean "
                "'faithfulness'?"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[]",
            "x:22:22: 'checks[7].circuit.edges' must not be empty",
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "previous -> induction.k",
            (
                "x:22:22: 'checks[7].circuit.edges' must be a list, not the text 'previous -> induction.k'; put [ ] "
                "around it"
            ),
        ),
        (
            "[previous -> induction.k, mover -> logits]",
            "[previous - induction.k, L0H1 -> L1H1.k -> logits, 3]",
            (
                "x:22:23: 'checks[7].circuit.edges[0]': 'previous - induction.k' is not an edge; "
                "edges are written like 'L0H3 -> L1H6.k', also with roles and node sets, and end in a "
                "head's q, k or v, an MLP layer or 'logits'\n"
                "x:22:47: 'checks[7].circuit.edges[1]': 'L0H1 -> L1H1.k -> logits' is not an edge; "
                "edges are written like 'L0H3 -> L1H6.k', also with roles and node sets, and end in a "
                "head's q, k or v, an MLP layer or 'logits'\n"
                "x:22:73: 'checks[7].circuit.edges[2]' must be text, not 3; put quotes around it"
            ),
        ),
        (
            "with: zero, faithfulness",
            "with: zero, completeness",
            (
                "x:22:5: 'checks[7].circuit': 'completeness' is defined only for a circuit given by "
                "'nodes'; with 'edges', claim faithfulness or minimal"
            ),
        ),
        (
            "with: zero, faithfulness",
            "with: none, faithfulness",
            "x:22:72: 'checks[7].circuit.with' must be one of mean, zero, resample, not the text 'none'",
        ),
        (
            "among: heads_and_mlps",
            "among: heads and mlps",
            (
                "x:23:54: 'checks[8].circuit.among' must be one of heads, heads_and_mlps, not the text 'heads and "
                "mlps'; did you mean 'heads_and_mlps'?"
            ),
        ),
        (
            "cpr: {at_least: 0.5}, cmd: {at_most: 0.4}",
            "with: mean",
            ("x:24:5: 'checks[9].curve': this curve check claims nothing; add at least one of cpr, cmd"),
        ),
        (
            "cpr: {at_least: 0.5}, cmd: {at_most: 0.4}",
            "cpr: 0.5",
            "x:24:18: 'checks[9].curve.cpr' must be a mapping, not 0.5",
        ),
        (
            "cpr: {at_least: 0.5}, cmd: {at_most: 0.4}",
            "cpm: {at_least: 0.5}",
            (
                "x:24:13: unknown key 'cpm' in 'checks[9].curve'; valid keys: among, cmd, cpr, models, with; did you "
                "mean 'cpr'?"
            ),
        ),
        (
            "all heads except induction and L0H0",
            "all heads except induction, L0H0",
            (
                "x:25:55: 'checks[10].patching.L0H0' has no value; if this is the rest of a text in { "
                "} after a ',', put quotes around the whole text"
            ),
        ),
    ],
)
def test_error_text(misconnected: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert misconnected(old, new) == expected
