"""The first page's filter, its verdicts beyond the checks, and what a run that was cut short says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mi_checks.report.behaviour_results import model_names, results_by_behaviour
from mi_checks.report.behaviour_section import corrupt_score
from mi_checks.report.problem_list import problem_list
from mi_checks.report.renderer import filter_choices
from mi_checks.report.report_header import report_header
from mi_checks.report.single_page import render
from mi_checks.report.verdict_matrix import verdict_matrix
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult, Mutant, MutantsResult, Run
from tests.pages import Page


def drift(result: CheckResult) -> CheckResult:
    return replace(
        result, check="baseline", kind="baseline", outcome="fail", estimate=None, per_prompt=(), bound="",
        claim=Claim("baseline"), message="drifted: logit_diff 4.01 → 3.20 logits",
    )  # fmt: skip


@pytest.fixture
def drifted(run: Run) -> Run:
    result = next(r for r in run.results if (r.behaviour, r.model) == ("greater_than", "nano-gelu-2l"))
    return replace(run, results=(*run.results, drift(result)))


def test_rows_with_what_did_not_pass_come_first(run: Run) -> None:
    assert [row.behaviour for row in verdict_matrix(results_by_behaviour(run), model_names(run))] == [
        "induction",
        "ioi",
        "greater_than",
    ]
    last = tuple(replace(r, outcome="fail") if r.behaviour == "greater_than" else r for r in run.results)
    passed = tuple(replace(r, outcome="pass") if r.behaviour != "greater_than" else r for r in last)
    assert (
        verdict_matrix(results_by_behaviour(replace(run, results=passed)), model_names(run))[0].behaviour
        == "greater_than"
    )


def test_what_only_drifted_is_told_apart_from_what_failed(drifted: Run) -> None:
    rows = {
        row.behaviour: dict(row.cells) for row in verdict_matrix(results_by_behaviour(drifted), model_names(drifted))
    }
    cell = rows["greater_than"]["nano-gelu-2l"]
    assert cell is not None
    assert (cell.verdict.symbol, cell.verdict.word) == ("≠", "drifted")
    assert [p.verdict.word for p in problem_list(results_by_behaviour(drifted))] == [
        "fail",
        "drifted",
        "error",
        "inconclusive",
    ]
    assert [(n, v.word) for n, v in report_header(drifted).totals][:3] == [(45, "pass"), (1, "fail"), (1, "drifted")]
    assert "drifted: logit_diff 4.01 → 3.20 logits" in Page(render(drifted)).words


def test_a_failure_is_graver_than_a_drift(run: Run) -> None:
    failed = next(r for r in run.results if r.outcome == "fail")
    (group, *_) = results_by_behaviour(replace(run, results=(failed, drift(failed))))
    assert [pair.verdict.word for pair in group.models if pair.model == failed.model] == ["fail"]


def test_models_stand_in_the_order_of_the_results_whichever_worker_came_first(run: Run) -> None:
    (few,) = (replace(r, model="few") for r in run.results[:1])
    turned = replace(run, results=(few, *run.results), models=dict(reversed(run.models.items())))
    assert model_names(turned) == (*model_names(run), "few")


def test_mutants_stand_in_the_row_of_their_check_and_survivors_among_the_problems(run: Run) -> None:
    result = run.results[1]
    mutants = (Mutant("what L1H1 writes is zero", "fail", None, "red"), Mutant("L0H0 for L0H1", "pass", None, ""))
    survived = MutantsResult(result.behaviour, result.model, result.check, "id", "fail", mutants, "1 survived", "x:1")
    for limit in (None, 0):
        words = Page(render(replace(run, mutants=(survived,)), max_bytes=limit)).words
        assert "1 of 2 mutants killed" in words
        assert "✗ mutant survived induction on nano-attn-2l: logit_diff" in words


def test_the_filter_offers_what_is_there(run: Run) -> None:
    found = filter_choices(verdict_matrix(results_by_behaviour(run), model_names(run)), model_names(run))
    assert [css for css, _ in found.verdicts] == ["not-passed", "absent", "pass", "fail", "inconclusive", "error"]
    assert found.models == model_names(run)
    assert found.marks == ()
    passed = filter_choices(
        verdict_matrix(results_by_behaviour(replace(run, results=run.results[:3])), model_names(run)), model_names(run)
    )
    assert "not-passed" not in dict(passed.verdicts)


def test_every_control_has_a_label_and_without_script_none_is_shown(run: Run) -> None:
    page = Page(render(run))
    (form,) = (attrs for tag, attrs in page.tags if tag == "form")
    assert "hidden" in form
    controls = [attrs["id"] for tag, attrs in page.tags if tag in ("select", "input")]
    assert controls == [attrs["for"] for tag, attrs in page.tags if tag == "label"]
    assert [attrs["aria-live"] for tag, attrs in page.tags if tag == "output"] == ["polite"]
    hidden = [tag for tag, attrs in page.tags if "hidden" in attrs]
    assert hidden == ["form", "p"]  # the latter is the mark, of which this run has none


def test_a_run_that_was_cut_short_says_what_is_missing(run: Run) -> None:
    cut = replace(run, results=run.results[:12], selected=40)
    assert "The run was cut short: 12 of 40 checks ran, and only these are in this report." in Page(render(cut)).words
    whole = replace(run, selected=len(run.results))
    assert "cut short" not in Page(render(whole)).words


def test_the_verdicts_against_a_base_stand_on_the_first_page(run: Run) -> None:
    base = replace(
        run.results[0],
        check="base",
        kind="base",
        estimate=None,
        claim=Claim("reference model", against="nano-attn-2l"),
        verdict="both kept",
        bound="",
    )
    assert (
        "Compared with the reference model: 1 both kept"
        in Page(render(replace(run, results=(*run.results, base)))).words
    )


def test_negative_controls_stand_with_the_behaviour(run: Run) -> None:
    page = Page(render(run))
    assert "Negative controls (behaviour declared absent): nano-attn-1l ✓ absent" in page.words
    assert page.words.count("corrupt −3.87, −3.87, −3.87 (first 3 prompt pairs)") == 8


def test_the_corrupt_prompts_of_an_effect_against_them_follow_from_it(run: Run) -> None:
    found: Evidence = next(e for e in run.evidence if e.behaviour == "greater_than")
    assert corrupt_score(found) == "−3.00"
