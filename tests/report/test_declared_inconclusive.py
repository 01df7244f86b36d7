"""Checks that are inconclusive as declared: shown as such, and not among the failures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mi_checks.report.behaviour_results import ModelResults, model_names, results_by_behaviour
from mi_checks.report.problem_list import problem_list
from mi_checks.report.renderer import filter_choices
from mi_checks.report.report_header import report_header
from mi_checks.report.single_page import render
from mi_checks.report.verdict_matrix import verdict_matrix
from mi_checks.results.run import CheckResult, Run
from tests.pages import Page

REASON = "the interval contains the bound; about 260 prompts would settle it (--mi-count 260)"


def declared(result: CheckResult) -> CheckResult:
    return replace(result, outcome="inconclusive", declared="inconclusive", reason=REASON, message="inconclusive: …")


@pytest.fixture
def only_declared(run: Run) -> Run:
    """A run in which one check is inconclusive as declared, one model is absent by an inconclusive check, and the
    others pass."""
    passed = [replace(each, outcome="pass") if each.outcome != "pass" else each for each in run.results]
    return replace(
        run,
        results=tuple(
            declared(each)
            if (each.behaviour, each.model, each.check) == ("ioi", "nano-attn-2l", "attention[induction,A2->B1]")
            or (each.behaviour, each.check) == ("induction", "absent")
            else each
            for each in passed
        ),
    )


def model_of(run: Run, behaviour: str, model: str) -> ModelResults:
    return next(m for b in results_by_behaviour(run) for m in b.models if (b.behaviour, m.model) == (behaviour, model))


def test_it_is_not_among_the_failures(only_declared: Run) -> None:
    assert problem_list(results_by_behaviour(only_declared)) == ()
    assert 'id="problems"' not in render(only_declared)
    rows = verdict_matrix(results_by_behaviour(only_declared), model_names(only_declared))
    assert [row.behaviour for row in rows] == ["induction", "ioi", "greater_than"]  # the order of the run
    assert "not-passed" not in dict(filter_choices(rows, model_names(only_declared)).verdicts)


def test_the_header_counts_it(only_declared: Run, run: Run) -> None:
    n = len(run.results)
    header = report_header(only_declared)
    assert header.headline == f"{n - 2} passed, 2 inconclusive as declared."
    totals = {label.word: count for count, label in header.totals}
    assert (totals["pass"], totals["inconclusive"], totals["declared inconclusive"]) == (n - 2, 0, 2)
    failed = (replace(only_declared.results[1], outcome="fail"), *only_declared.results[2:])
    with_failure = replace(only_declared, results=(only_declared.results[0], *failed))
    assert report_header(with_failure).headline == f"{n - 3} of {n} checks passed, 2 inconclusive as declared."
    assert "declared inconclusive" not in {label.word for _, label in report_header(run).totals}


def test_it_has_its_own_words(only_declared: Run) -> None:
    of_model = model_of(only_declared, "ioi", "nano-attn-2l")
    assert (of_model.outcome, of_model.verdict.symbol, of_model.verdict.word) == ("pass", "?", "declared inconclusive")
    absent = next(m for b in results_by_behaviour(only_declared) for m in b.models if m.absent and m.verdict.note)
    assert model_of(only_declared, "induction", absent.model).verdict.word == "declared inconclusive"
    assert model_of(only_declared, "induction", absent.model).verdict.note == "declared absent"
    for limit in (None, 0):
        page = Page(render(only_declared, max_bytes=limit))
        assert "? declared inconclusive" in page.words
        assert REASON in page.words
        targets = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
        links = {attrs["href"][1:] for tag, attrs in page.tags if tag == "a" and attrs["href"].startswith("#p-")}
        assert links <= targets


def test_a_failure_is_worse(only_declared: Run) -> None:
    results = tuple(
        replace(each, outcome="fail")
        if (each.behaviour, each.model, each.check) == ("ioi", "nano-attn-2l", "logit_diff")
        else each
        for each in only_declared.results
    )
    run = replace(only_declared, results=results)
    assert model_of(run, "ioi", "nano-attn-2l").verdict.word == "fail"
    assert [problem.result.check for problem in problem_list(results_by_behaviour(run))] == ["logit_diff"]


def test_an_undeclared_one_is_worse(only_declared: Run) -> None:
    results = tuple(
        replace(each, outcome="inconclusive")
        if (each.behaviour, each.model, each.check) == ("ioi", "nano-attn-2l", "logit_diff")
        else each
        for each in only_declared.results
    )
    run = replace(only_declared, results=results)
    assert model_of(run, "ioi", "nano-attn-2l").verdict.word == "inconclusive"
    assert [problem.result.check for problem in problem_list(results_by_behaviour(run))] == ["logit_diff"]


def test_a_declared_check_that_passes_is_a_failure(run: Run) -> None:
    results = (replace(run.results[0], outcome="fail", declared="inconclusive", message="fail: …"),)
    assert len(problem_list(results_by_behaviour(replace(run, results=results)))) == 1
