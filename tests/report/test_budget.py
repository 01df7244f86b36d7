"""What a single page has room for, in which order, and what it says of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from mi_checks.report.behaviour_results import ModelResults, results_by_behaviour
from mi_checks.report.single_page import models_in_full, render
from mi_checks.results.claim import Claim
from mi_checks.results.run import Run
from tests.pages import Page

FULL = re.compile(r'<section id="(b\d+m\d+)" class="model">')
BRIEF = re.compile(r'<tbody id="(b\d+m\d+)">')

ANOTHER = Claim("", text="another claim")


def cost(pair: ModelResults) -> int:
    return 10


def test_what_did_not_pass_comes_first_then_the_largest_of_each_behaviour(run: Run) -> None:
    gathered = results_by_behaviour(run)
    assert models_in_full(gathered, 30, cost) == {"b0m2", "b1m1", "b1m3"}
    assert models_in_full(gathered, 50, cost) == {"b0m2", "b1m1", "b1m3", "b0m3", "b2m2"}
    assert len(models_in_full(gathered, 70, cost)) == 7
    assert len(models_in_full(gathered, 10_000, cost)) == 11


def test_something_too_large_does_not_keep_out_what_has_a_reason_to_be_there(run: Run) -> None:
    def one_is_large(pair: ModelResults) -> int:
        return 1000 if pair.anchor == "b0m2" else 10

    assert models_in_full(results_by_behaviour(run), 100, one_is_large) >= {"b1m1", "b1m3", "b0m3", "b2m2"}


def test_without_room_every_model_keeps_verdict_effect_and_checks(run: Run) -> None:
    whole, brief = render(run), render(run, "kept.json", max_bytes=0)
    assert set(FULL.findall(whole)) == set(BRIEF.findall(brief))
    assert not BRIEF.findall(whole)
    assert not FULL.findall(brief)
    page = Page(brief)
    assert {
        f"{pair.anchor}c{i}" for g in results_by_behaviour(run) for pair in g.models for i in range(len(pair.checks))
    } <= set(page.values("id"))
    assert "nano-gelu-2l ✗ fail" in page.words
    assert "whypatching[induction@A2]0.31 [0.22, 0.40]at least 0.564" in page.words
    assert page.words.count("mi-checks report kept.json -o DIR/") == 1 + len(results_by_behaviour(run))
    ids = page.values("id")
    assert {href[1:] for href in page.values("href") if href.startswith("#")} <= set(ids)
    assert len(ids) == len(set(ids))


def test_no_page_is_larger_than_its_limit(large: Callable[[], Run]) -> None:
    run = large()
    whole = len(render(run, max_bytes=None).encode())
    assert whole > 600_000
    for limit in (300_000, 450_000):
        html = render(run, max_bytes=limit)
        assert limit * 0.9 < len(html.encode()) <= limit
        assert FULL.findall(html)
        assert BRIEF.findall(html)


def test_of_many_example_prompts_each_model_shows_one_and_says_so(large: Callable[[], Run]) -> None:
    run = large()
    page = Page(render(run, "kept.json"))
    assert "2 more prompt pairs: run mi-checks report kept.json -o DIR/" in page.words
    assert "2 more prompt pairs:" not in Page(render(run, max_bytes=None)).words


def test_claims_are_written_once_where_models_share_them(run: Run) -> None:
    brief = render(run, max_bytes=0)
    section = brief[brief.index('<section id="b0" class') : brief.index('<section id="b1" class')]
    assert section.count("the answer beats every foil on at least 0.85 of prompts") == 1
    other = [replace(r, claim=ANOTHER) if (r.model, r.check) == ("nano-gelu-4l", "accuracy") else r
             for r in run.results]  # fmt: skip
    changed = render(replace(run, results=tuple(other)), max_bytes=0)
    assert changed.count("another claim") == len({r.behaviour for r in other if r.claim == ANOTHER})


@pytest.mark.parametrize("limit", [0, None])
def test_marks_that_a_filter_knows_stand_on_each_row(run: Run, limit: int | None) -> None:
    marked = tuple(replace(e, marks=("slow", "in_context")) for e in run.evidence)
    page = Page(render(replace(run, evidence=marked), max_bytes=limit))
    assert {attrs["data-marks"] for tag, attrs in page.tags if "data-marks" in attrs} == {"slow in_context"}


def test_what_every_baseline_claims_is_written_once_for_a_behaviour(run: Run) -> None:
    said = "every effect is as recorded, within what its prompts can tell"
    recorded = [
        replace(
            r, check="baseline", kind="baseline", claim=Claim("", text=said), estimate=None, per_prompt=(), bound=""
        )
        for r in run.results
        if r.check in ("logit_diff", "absent")
    ]
    assert render(replace(run, results=(*run.results, *recorded)), max_bytes=0).count(said) == len(
        results_by_behaviour(run)
    )
