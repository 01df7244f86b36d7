"""Texts that would break out of a page, run, mirror it or burst it: they are shown, and nothing happens."""

from dataclasses import replace
from functools import cache

import pytest

from mi_checks.files import write_file
from mi_checks.report.single_page import render
from mi_checks.studies.emergence import emergence_page
from tests.browser.hostile import HOSTILE, LONG, spoiled
from tests.report import test_comparison_page as compare_page
from tests.report.circuits import CIRCUIT, CURVE, EXAMPLE, MAP
from tests.report.conftest import make_run
from tests.studies.emergence.curves import small

SHOWN = "{{ 7 * 7 }}{% raw %}"
INVISIBLE = ("\u2028", "\u2029", "\0", "\u202e", "\u200f", "\ud800", "\x1b")


def report(spoil):
    run = make_run()
    first, second, *others = run.evidence[:5]
    drawn = replace(second, circuit=CIRCUIT, curves=(CURVE,), examples=(EXAMPLE,), heatmaps=(*second.heatmaps, MAP))
    return spoil(replace(run, evidence=(first, drawn, *others), results=run.results[:16]))


def compared(spoil):
    return compare_page.rendered(spoil(compare_page.BEFORE), spoil(compare_page.AFTER))


PAGES = {
    "report": lambda spoil: render(report(spoil)),
    "compare": compared,
    "emergence": lambda spoil: emergence_page.render_page(spoil(small())),
}


@cache
def texts(name):
    """The page of hostile texts, and of tame ones."""
    return PAGES[name](spoiled), PAGES[name](lambda record: record)


def long(example):
    def side(tokens):
        return tuple(replace(token, text=token.text + LONG) for token in tokens)

    answers = tuple(answer + LONG for answer in example.answers)
    return replace(example, clean=side(example.clean), corrupt=side(example.corrupt), answers=answers)


@pytest.fixture(params=PAGES)
def hostile(request, opened, tmp_path):
    """Opens the hostile page so wide."""
    path = tmp_path / "hostile.html"
    write_file(path, texts(request.param)[0], "the page")
    return lambda width: opened(path, width=width)


def test_nothing_runs_and_nothing_is_loaded(hostile):
    found = hostile(1280)
    found.unfold()
    found.page.wait_for_load_state("networkidle")
    assert found.page.evaluate("typeof window.pwned") == "undefined"
    assert found.page.locator("img").count() == 0
    assert (found.heard, found.asked) == ([], [])


def test_it_is_shown_as_it_is_written(hostile):
    found = hostile(1280)
    text = found.page.locator("body").text_content()
    assert text.count(SHOWN) >= 20
    assert text.count("<script>window.pwned=1</script>") >= 20
    assert [each for each in INVISIBLE if each in text] == []


@pytest.mark.parametrize("width", [1280, 360])
def test_it_bursts_no_window(hostile, width):
    found = hostile(width)
    found.unfold()
    assert found.width() <= width


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_made_of_the_same_parts_as_with_tame_texts(opened, tmp_path, name):
    count = "Object.entries(Object.groupBy(document.querySelectorAll('*'), each => each.localName))"
    parts = []
    for number, text in enumerate(texts(name)):
        path = tmp_path / f"{number}.html"
        write_file(path, text, "the page")
        parts.append(dict(opened(path).page.evaluate(f"{count}.map(([name, all]) => [name, all.length])")))
    bad, tame = parts
    assert set(bad) <= {*tame, "details", "summary"}  # a long message is folded
    assert [bad.get(part) for part in ("script", "style")] == [tame.get(part) for part in ("script", "style")]


@pytest.mark.parametrize("width", [1280, 360])
def test_a_token_of_ten_thousand_characters_is_cut_and_counted(opened, tmp_path, width):
    run = report(lambda record: record)
    shown = replace(run.evidence[0], examples=tuple(map(long, run.evidence[0].examples)))
    path = tmp_path / "long.html"
    write_file(path, render(replace(run, evidence=(shown, *run.evidence[1:]))), "the page")
    found = opened(path, width=width)
    found.unfold()
    assert found.width() <= width
    assert LONG[:100] not in found.page.locator("body").inner_text()
    told = found.all(".example [title]", "(each => each.title)")
    assert [title for title in told if title.endswith("x… (10,006 characters)")] != []


def test_every_text_of_a_record_is_hostile():
    run = spoiled(make_run())
    assert HOSTILE in run.command
    assert HOSTILE in run.evidence[0].examples[0].clean[0].text
    assert all(HOSTILE in name for name in run.models)
    assert run.results[0].outcome == "pass"
