"""The terminal's last table, to the letter."""

from mi_checks.output.tables import verdict_table
from mi_checks.results.run import CheckResult, FileLine

LEGEND = "✓ all pass   ✗ a check fails   ? inconclusive   ! error   absent: declared and found absent"


def result(behaviour, model, outcome, kind="logit_diff"):
    return CheckResult(
        behaviour=behaviour, model=model, check=kind, kind=kind, node_id="", claim=None, outcome=outcome,
        estimate=None, bound="", at_least=None, at_most=None, message="", place=FileLine("x.yaml", 1),
    )  # fmt: skip


def test_one_cell():
    assert verdict_table([result("induction", "nano-attn-2l", "pass")]) == [
        "",
        "           nano-attn-2l",
        "induction  ✓ 1/1",
        LEGEND,
    ]


def test_every_kind_of_cell():
    results = [
        result("induction", "nano-attn-2l", "pass"),
        result("induction", "nano-attn-2l", "pass"),
        result("induction", "nano-attn-1l", "pass", "absent"),
        result("trigram", "nano-attn-2l", "pass"),
        result("trigram", "nano-attn-2l", "fail"),
        result("trigram", "nano-attn-2l", "inconclusive"),
        result("trigram", "a-model-of-a-long-name", "inconclusive"),
        result("trigram", "a-model-of-a-long-name", "pass"),
        result("ioi", "nano-attn-2l", "fail"),
        result("ioi", "nano-attn-2l", "error"),
        result("ioi", "nano-attn-1l", "fail", "absent"),
    ]
    assert verdict_table(results) == [
        "",
        "           a-model-of-a-long-name  nano-attn-1l  nano-attn-2l",
        "induction  ·                       ✓ absent      ✓ 2/2",
        "trigram    ? 1/2                   ·             ✗ 1/3",
        "ioi        ·                       ✗ absent      ! 0/2",
        LEGEND,
    ]


def test_a_model_of_a_short_name_has_a_column_wide_enough():
    results = [result("x", "m", "pass", "absent"), result("x", "n", "pass")]
    assert verdict_table(results)[1:3] == ["   m         n", "x  ✓ absent  ✓ 1/1"]
