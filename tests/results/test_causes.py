"""The most likely cause of the failures of a behaviour on a model."""

from dataclasses import replace

import pytest

from mi_checks.output.failure_lines import MAX_MESSAGE_LINES, brief_message, cause_text, failure_summary
from mi_checks.results.causes import failure_groups
from mi_checks.results.claim import Claim
from mi_checks.stats.estimate import Parts, Refusal
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.sampling import independent
from tests.effects import around
from tests.made_results import result

BASELINE = result("baseline", None, outcome="fail", nodes_lost=("L1H2",), message="drifted: mediators −L1H2")
ROLE = result("role[induction]", None, outcome="fail", message="fail: the role induction has moved: L1H2 → L1H5")
NO_EFFECT = result(
    "patching[L1H2]", None, outcome="fail", message="fail: nothing measured",
    parts=Parts(None, mean_interval(around(0.01), "nats", independent(64)), "clean − corrupt"),
)  # fmt: skip


def fails(check, **given):
    return result(check, around(0.1, 0.01), at_least=2, message="fail: measured 0.100, bound at least 2", **given)


def found(*results):
    (group,) = failure_groups(results)
    return group


def test_where_all_pass_there_is_no_group():
    assert failure_groups([result("logit_diff", around(5), at_least=2)]) == ()
    assert failure_summary([result("logit_diff", around(5), at_least=2)], {}, "report.html", 80) == []


@pytest.mark.parametrize(
    ("results", "kind", "text"),
    [
        ([fails("logit_diff"), BASELINE], "mediators", "L1H2 no longer mediates (baseline)"),
        ([fails("logit_diff"), BASELINE, ROLE], "role", "the role induction has moved: L1H2 → L1H5"),
        (
            [fails("logit_diff"), fails("mediators[head]", nodes_lost=("L1H2",), nodes_gained=("L0H1", "L0H2"))],
            "mediators",
            "L1H2 does not mediate as claimed, and L0H1, L0H2 mediate and are not claimed (mediators[head])",
        ),
        ([fails("patching[L1H2]"), fails("logit_diff")], "preference", "logit_diff: measured 0.100, bound at least 2"),
        ([NO_EFFECT], "no effect", "the prompts have no effect to recover: clean − corrupt is 0.010 [−0.2"),
        ([fails("circuit[a]"), fails("path[b]")], "check", "path[b]: measured 0.100, bound at least 2"),
        (
            [fails("logit_diff"), result("path[b]", None, outcome="error", message="no such node")],
            "not measured",
            "no such node",
        ),
        ([result("baseline", None, outcome="error", message="invalid: x.json: cut off")], "check", "baseline: invalid"),
    ],
)
def test_case_29_the_cause_is_what_explains_most(results, kind, text):
    group = found(*results)
    assert group.kind == kind
    assert cause_text(group).startswith(text)
    assert group.failed[0] is group.cause
    assert set(map(id, group.failed)) == set(map(id, results))


def test_case_29_failures_that_pass_alone_are_not_among_them():
    group = found(result("accuracy", around(0.9, 0.01), at_least=0.5), fails("logit_diff"))
    assert (len(group.failed), group.total) == (1, 2)


def test_too_few_prompts_are_not_called_prompts_without_an_effect():
    refusal = Refusal("few prompts", 7, 8)
    whole = replace(mean_interval(around(0.5), "logits", independent(64)), refusal=refusal)
    cause = result("patching[a]", None, outcome="inconclusive", parts=Parts(None, whole, "clean − corrupt"))
    assert cause_text(found(cause)) == (
        "no fraction of clean − corrupt can be judged: 7 prompts are too few for an interval; use at least 8 "
        "(--mi-count 8)"
    )


def test_case_29_one_line_for_what_no_behaviour_could_measure():
    broken = [result("logit_diff", None, behaviour=name, outcome="error", message="cannot load m") for name in "abc"]
    lines = failure_summary([*broken, fails("logit_diff", behaviour="d")], {}, "report.html", 80)
    assert "3 behaviours on nano-attn-2l could not be measured: cannot load m" in lines
    assert lines[0] == "d on nano-attn-2l: 1 of 1 checks did not pass"
    assert "a on" not in "\n".join(lines)


def test_case_29_many_groups_are_a_line_each_and_then_a_number():
    lines = failure_summary([fails("logit_diff", behaviour=f"b{i:02}") for i in range(60)], {}, "report.html", 80)
    assert len(lines) < 50
    assert "b05 on nano-attn-2l: 1 of 1 checks did not pass: logit_diff: measured 0.100, bound at least 2" in lines
    assert any("more lines in the report" in line for line in lines)


def test_case_29_a_message_is_cut_to_twelve_lines_whatever_it_holds():
    long = fails("logit_diff", reason="\n".join(f"reason {i}" for i in range(40)), claim=Claim("", text="c" * 500))
    assert len(brief_message(long.message, long, "pytest x").splitlines()) <= MAX_MESSAGE_LINES
    other = replace(long, reason="", message="\n".join(f"line {i}" for i in range(40)))
    shown = brief_message(other.message, other, "pytest x").splitlines()
    assert (len(shown), shown[0], shown[-1]) == (MAX_MESSAGE_LINES, "line 0", "line 39")
    assert shown[-3] == "  … 29 more lines in the report"
    assert brief_message(other.message, None).splitlines() == shown


def test_what_is_inconclusive_as_declared_is_no_failure():
    declared = result("accuracy", around(2, 0.5), at_least=2, outcome="inconclusive", declared="inconclusive")
    assert declared.is_as_declared
    assert failure_groups([declared]) == ()
    assert found(declared, fails("logit_diff")).failed == (fails("logit_diff"),)
    for wrong in (replace(declared, outcome="fail"), replace(declared, declared="")):
        assert found(wrong).cause is wrong
