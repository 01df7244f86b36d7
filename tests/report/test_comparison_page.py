"""The page that draws what changed: what it holds, and what it must never hold."""

import os
import re
from dataclasses import replace

import pytest

from mi_checks.compare.mediator_sets import mediator_changes
from mi_checks.compare.run_comparison import compare_runs
from mi_checks.errors import MiChecksError
from mi_checks.report import comparison_page
from tests.compare.test_mediator_sets import NOW, THEN, shown
from tests.effects import around
from tests.made_results import result, run_of
from tests.pages import Page

HOSTILE = "</script><img src=x onerror=alert(1)></title></svg>{{ 7 * 7 }}\u202e"


def logit_diff(mean, check="logit_diff", **given):
    return result(check, around(mean) + around(0, 0.01, seed=round(100 * mean)), **{"at_least": 2, **given})


def share(mean, check):
    values = around(mean, 0.1) + around(0, 0.001, seed=round(100 * mean))
    return result(check, values, at_least=0.1, unit="fraction of clean − corrupt")


BEFORE = run_of(
    logit_diff(6), logit_diff(3, "logit_diff[corrupt]"), share(0.5, "patching[a]"), share(0.5, "patching[b]"),
    logit_diff(3, "of_others"), evidence=(shown(*THEN),),
)  # fmt: skip
AFTER = run_of(
    logit_diff(3), logit_diff(5, "logit_diff[corrupt]"), share(0.3, "patching[a]"), share(0.5, "patching[b]"),
    logit_diff(3, "of_others", prompts_sha256="others"), logit_diff(3, "new"), evidence=(shown(*NOW),),
    versions={"python": "3.12"}, command="pytest again",
)  # fmt: skip


def rendered(before, after):
    runs = [("before.json", before), ("after.json", after)]
    return comparison_page.render_comparison(runs, compare_runs(before, after), mediator_changes(before, after))


@pytest.fixture(scope="module")
def html():
    return rendered(BEFORE, AFTER)


def test_every_change_is_told_with_its_numbers(html):
    words = Page(html).words
    assert "2 of 6 checks drifted, and the mediating heads of 1 behaviour changed." in words
    assert "induction logit_diff nano-attn-2l 6.00 [" in words
    assert re.search(r"−3\.00\d* \[−3\.00\d*, −(2\.99|3\.00)\d*\] p < 0\.001 logits", words)
    for told in ("logit_diff[corrupt]", "patching[a]", "patching[b]", "of_others", "new", "−L1H2", "+L1H5"):
        assert told in words
    assert "measured on other prompts, or with another tokenizer" in words
    assert '<th scope="row">python</th><td class="id">3.11</td><td class="id">3.12</td>' in html
    assert "pytest again" in words


def test_parts_come_in_the_order_of_what_matters(html):
    words = Page(html).words
    titles = ("Mediators lost", "Drifted", "Improved", "Cannot be compared", "Only in the second run", "Unchanged")
    places = [words.rindex(title) for title in titles]
    assert places == sorted(places)
    assert words.index("logit_diff nano") < words.index("patching[a]")  # as sure, and larger


def test_every_chart_says_what_it_shows(html):
    found = Page(html)
    drawn = [attributes for tag, attributes in found.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(drawn) == 2 + 1 + 2  # drifted, improved, mediators
    assert found.count("title") == 1 + len(drawn)
    assert found.count("desc") == len(drawn)
    assert "<title>induction logit_diff: drifted</title><desc>before 6.00 [" in html


def test_all_of_one_unit_share_an_axis(html):
    """The two charts of logits have the same ticks at the same places, and so have the three of shares."""
    drawn = [part.split("</svg>")[0] for part in html.split('class="ci db" viewBox="0 0 320')[1:]]
    ticks = [tuple(re.findall(r'x="([^"]+)" y="47">([^<]+)<', part)) for part in drawn]
    assert sorted(map(ticks.count, set(ticks))) == [2, 3]
    assert all(len(each) >= 3 for each in ticks)


def test_nothing_is_loaded_or_run(html):
    found = Page(html)
    assert found.count("script") == found.count("img") == found.count("iframe") == found.count("base") == 0
    assert "url(" not in html
    assert "@import" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert found.values("src") == []
    (policy,) = (a["content"] for t, a in found.tags if t == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")


def test_hostile_names_are_only_shown():
    before, after = (
        run_of(
            logit_diff(mean, HOSTILE, behaviour=HOSTILE, model=HOSTILE), command=HOSTILE, versions={HOSTILE: str(mean)},
            evidence=(shown(*(replace(each, node=each.node + HOSTILE) for each in heads)),),
        )
        for mean, heads in ((6, THEN), (3, NOW))
    )  # fmt: skip
    html = rendered(before, after)
    found = Page(html)
    assert found.count("script") == found.count("img") == 0
    assert "\u202e" not in html
    assert found.words.count("{{ 7 * 7 }}") >= 5


def test_nothing_that_drifted_is_a_page_too():
    found = Page(rendered(BEFORE, BEFORE))
    assert "Nothing drifted." in found.words
    assert "5 checks" in found.words


def test_where_it_cannot_be_written_that_is_told(tmp_path):
    runs = [("a", BEFORE), ("b", AFTER)]
    (tmp_path / "file").touch()
    with pytest.raises(MiChecksError) as told:
        comparison_page.write_comparison(runs, (), (), tmp_path / "file/page.html")
    assert str(told.value).startswith(f"cannot write the comparison to {tmp_path / 'file/page.html'}: ")
    assert str(told.value).endswith("; name another file")
    assert os.listdir(tmp_path) == ["file"]


def test_it_says_when_in_words_and_one_set_is_one_set():
    html = rendered(replace(BEFORE, started="2026-02-11T09:41:07+00:00"), replace(AFTER, started="yesterday"))
    words = Page(html).words
    assert ", 2026-02-11 09:41 UTC" in words
    assert ", yesterday" in words
    assert "1 set of mediators changed" in words
