"""Checks whose labels, ids or models lead nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "at: A2",
            "at: A3",
            (
                "x:23:38: unknown label 'A3'; labels in the template: A1, B1, A2, END\n"
                "x:29:75: unknown key 'patching[induction@A2]' in 'models.nano-attn-2l'; valid keys: nodes, checks, "
                "count, inconclusive, "
                "logit_diff, accuracy[vocabulary], patching[induction@A3], patching[L1H3+L0.attn,noising], "
                "ablation[induction,mean], attention[induction,A2->B1]; did you mean 'patching[induction@A3]'?"
            ),
        ),
        (
            "from: A2",
            "from: END, models: [nano-attn-1l, nano-attn-3l, nano-attn-2l, nano-attn-2l]",
            (
                "x:26:55: 'nano-attn-1l' is declared absent, but this check is only for models with "
                "the behaviour; remove it here\n"
                "x:26:69: unknown model 'nano-attn-3l'; declared under 'models': nano-attn-2l, "
                "nano-gelu-2l, nano-attn-1l; did you mean 'nano-attn-2l'?\n"
                "x:26:97: 'nano-attn-2l' is listed twice"
            ),
        ),
        (
            "- accuracy: {at_least: 0.9, against: vocabulary}",
            "- logit_diff: {at_most: 0.9}",
            (
                "x:22:5: the check 'logit_diff' appears twice, on lines 21 and 22; to give one model "
                "another bound, write it in that model's entry"
            ),
        ),
        (
            "- accuracy: {at_least: 0.9, against: vocabulary}",
            "- accuracy: {at_least: 0.9, models: []}",
            ("x:22:39: no model is listed, so the check would never run; remove 'models' to run it on all"),
        ),
        (
            "  - logit_diff: {at_least: 2}\n  - accuracy: {at_least: 0.9, against: vocabulary}\n",
            "",
            (
                "x:27:46: unknown key 'logit_diff' in 'models.nano-attn-2l'; valid keys: nodes, "
                "checks, count, inconclusive, patching[induction@A2], patching[L1H3+L0.attn,noising], "
                "ablation[induction,mean], attention[induction,A2->B1]\n"
                "x:29:3: 'nano-attn-1l' is declared absent, which is tested by logit_diff or "
                "accuracy; add one to 'checks'"
            ),
        ),
        (
            "logit_diff: {at_least: 1.5}",
            "logit_dif: {at_least: 1.5}",
            (
                "x:29:46: unknown key 'logit_dif' in 'models.nano-attn-2l'; valid keys: nodes, checks, count, "
                "inconclusive, logit_diff, "
                "accuracy[vocabulary], patching[induction@A2], patching[L1H3+L0.attn,noising], "
                "ablation[induction,mean], attention[induction,A2->B1]; did you mean 'logit_diff'?"
            ),
        ),
        (
            "logit_diff: {at_least: 1.5}",
            '"mediators[head]": {at_least: 1.5}',
            "x:29:46: the check 'mediators[head]' has no bound that a model could override",
        ),
        (
            "logit_diff: {at_least: 1.5}",
            '"patching[induction]": {at_least: 1.5}',
            (
                "x:29:46: unknown key 'patching[induction]' in 'models.nano-attn-2l'; valid keys: nodes, checks, "
                "count, inconclusive, "
                "logit_diff, accuracy[vocabulary], patching[induction@A2], patching[L1H3+L0.attn,noising], "
                "ablation[induction,mean], attention[induction,A2->B1]; did you mean 'patching[induction@A2]'?"
            ),
        ),
    ],
)
def test_error_text(broken: Callable[[str, str], str], old: str, new: str, expected: str) -> None:
    assert broken(old, new) == expected
