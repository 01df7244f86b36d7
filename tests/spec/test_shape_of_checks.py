"""Wrong keys and types in `checks` and `models`, as the user reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "- logit_diff: {at_least: 2}",
            "- logit_dif: {at_least: 2}",
            (
                "x:21:5: unknown check 'logit_dif'; known checks: logit_diff, accuracy, patching, "
                "ablation, attention, mediators, path, composes, direct_logit_attribution, circuit, "
                "curve; did you mean 'logit_diff'?"
            ),
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff:\n    at_least: 2",
            ("x:21:16: 'checks[0].logit_diff' has nothing under it; indent its keys further than 'logit_diff' itself"),
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff: {}",
            "x:21:5: 'checks[0].logit_diff': a bound needs 'at_least' or 'at_most'",
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff: {at_least: .inf}",
            "x:21:28: 'checks[0].logit_diff.at_least' must be a finite number, not inf",
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff: {at_least: yes}",
            "x:21:28: 'checks[0].logit_diff.at_least' must be a number, not the text 'yes'",
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff: {at_least: 2, at_most: 1}",
            ("x:21:5: 'checks[0].logit_diff': at_least 2 is above at_most 1, so no value could pass"),
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- logit_diff",
            "x:21:5: 'checks[0]' must be a mapping, not the text 'logit_diff'",
        ),
        (
            "- logit_diff: {at_least: 2}",
            "- {}",
            (
                "x:21:5: 'checks[0]' has no check; known checks: logit_diff, accuracy, patching, "
                "ablation, attention, mediators, path, composes, direct_logit_attribution, circuit, "
                "curve"
            ),
        ),
        (
            "- logit_diff: {at_least: 2}\n  -",
            "- logit_diff: {at_least: 2}\n   ",
            "x:21:5: 'checks[0]' has 2 checks (logit_diff, accuracy); start each one with '- '",
        ),
        (
            "against: vocabulary",
            "against: vocab",
            (
                "x:22:40: 'checks[1].accuracy.against' must be one of foils, vocabulary, corrupt, not the text "
                "'vocab'; did you mean 'vocabulary'?"
            ),
        ),
        (
            "with: mean",
            "with_: mean",
            (
                "x:25:34: unknown key 'with_' in 'checks[4].ablation'; valid keys: at, models, nodes, removes, "
                "with; did you mean 'with'?"
            ),
        ),
        (
            "with: mean",
            "with: means",
            (
                "x:25:40: 'checks[4].ablation.with' must be one of zero, mean, resample, not the text 'means'; "
                "did you mean 'mean'?"
            ),
        ),
        (
            "recovers: {at_least: 0.5}}",
            "recovers: {atleast: 0.5}}",
            (
                "x:23:53: unknown key 'atleast' in 'checks[2].patching.recovers'; valid keys: at_least, "
                "at_most; did you mean 'at_least'?"
            ),
        ),
        (
            ", recovers: {at_least: 0.5}}",
            "}",
            (
                "x:23:5: 'checks[2].patching': patching needs exactly one of 'recovers' (denoising) and "
                "'removes' (noising)"
            ),
        ),
        (
            ", from: A2",
            "",
            "x:26:5: missing key 'from' in 'checks[5].attention'",
        ),
        (
            "component: head",
            "component: layer",
            "x:27:28: 'checks[6].mediators.component' must be one of head, q, k, v, pattern, neuron, "
            "not the text 'layer'",
        ),
        (
            "above: 0.15",
            "above: 2",
            "x:27:41: 'checks[6].mediators.above' must be below 1, not 2",
        ),
        (
            ", exactly: induction",
            "",
            "x:27:5: 'checks[6].mediators': mediators needs exactly one of 'exactly' and 'include'",
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: abscent",
            (
                "x:31:17: 'models.nano-attn-1l' must be 'absent' or a mapping, not the text 'abscent'; did you "
                "mean 'absent'?"
            ),
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l:",
            ("x:31:16: 'models.nano-attn-1l' has no value; write 'absent', or {} to run all checks as written"),
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: {node: {induction: [L1H3]}}",
            (
                "x:31:18: unknown key 'node' in 'models.nano-attn-1l'; valid keys: nodes, checks, count, "
                "inconclusive, and the ids of checks; did you mean 'nodes'?"
            ),
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: {node: [L1H3]}",
            (
                "x:31:18: unknown key 'node' in 'models.nano-attn-1l'; valid keys: nodes, checks, count, "
                "inconclusive, and the ids of checks; did you mean 'nodes'?"
            ),
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: {accuracy: {atleast: 2}}",
            (
                "x:31:29: unknown key 'atleast' in 'models.nano-attn-1l.accuracy'; valid keys: at_least, "
                "at_most; did you mean 'at_least'?"
            ),
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: {accuracy: 2}",
            "x:31:28: 'models.nano-attn-1l.accuracy' must be a mapping, not 2",
        ),
        (
            "nano-attn-1l: absent",
            "nano-attn-1l: {nodes: {in-duction: 3}}",
            (
                "x:31:26: 'in-duction' is not a valid name; use letters, digits and '_', starting "
                "with a letter or '_'\n"
                "x:31:38: 'models.nano-attn-1l.nodes.in-duction' must be text, not 3; put quotes "
                "around it"
            ),
        ),
        (
            "{nodes: {induction: L1H1}}",
            "{nodes: {induction: [1, L1H1]}}",
            "x:30:38: 'models.nano-gelu-2l.nodes.induction[0]' must be text, not 1; put quotes around it",
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
