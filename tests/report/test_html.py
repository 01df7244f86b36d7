"""The page as a whole: what it holds, what it must never hold, and how it gets onto the disk."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.report import series_page
from mi_checks.report.renderer import page_script
from mi_checks.report.report_folder import INDEX, pages
from mi_checks.report.single_page import render, write_page
from mi_checks.results.claim import Claim
from mi_checks.results.run import FileLine, Mutant, MutantsResult, Run
from tests.pages import Page


@pytest.fixture(scope="module")
def html(run: Run) -> str:
    return render(run)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_shows_totals_command_and_provenance(page: Page) -> None:
    assert "45 of 48 checks passed." in page.words
    assert "45 ✓ pass 1 ✗ fail 1 ? inconclusive 1 ! error" in page.words
    assert "pytest behaviours/ --mi-models 'nano-*' --mi-prompts 64" in page.words
    assert "2026-02-11 09:41 UTC · took 1 min 23 s" in page.words
    assert "sha256:9f2c" in page.words
    assert "transformer-lens" in page.words


def test_shows_where_neighbouring_models_differ(run: Run, page: Page) -> None:
    assert "Comparison of neighbouring models" in page.words
    assert "nano-attn-1l → nano-attn-2l" in page.words
    assert "6 comparisons, 3 significant" in page.words
    assert page.words.count("cannot → can") == 3
    alone = Page(render(replace(run, evidence=tuple(e for e in run.evidence if e.model == "nano-attn-2l"))))
    assert "Comparison of neighbouring models" not in alone.words


def test_every_link_leads_to_exactly_one_place(page: Page) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {href[1:] for href in page.values("href") if href.startswith("#")} <= set(ids)


def test_every_svg_says_first_what_it_shows(page: Page) -> None:
    assert page.count("svg") > 50
    assert page.svgs == ["title"] * page.count("svg")


def test_nothing_is_loaded_and_one_script_is_run(html: str, page: Page) -> None:
    assert page.count("img") == page.count("iframe") == page.count("base") == 0
    assert page.count("script") == 1
    assert html.count(f"<script>{page_script().text}</script>") == 1
    assert "url(" not in html
    assert "@import" not in html
    assert page.values("src") == []
    assert {href for href in page.values("href") if not href.startswith("#")} == {
        "data:,",
        "https://transformer-circuits.pub/2022/in-context-learning-and-induction-heads",
        "https://arxiv.org/abs/2211.00593",
    }
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]


def test_the_policy_forbids_everything_but_its_own_style_and_script(html: str, page: Page) -> None:
    (policy,) = (a["content"] for t, a in page.tags if t == "meta" and "http-equiv" in a)
    written = html[html.index("<script>") + len("<script>") : html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(written.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_the_script_writes_text_only() -> None:
    written = re.findall(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function\(|setAttribute|\.src|\.href",
        page_script().text,
    )
    assert written == []
    assert "fetch" not in page_script().text
    assert "http" not in page_script().text


def test_source_links_tell_nobody_where_they_were_followed(page: Page) -> None:
    outward = [a for t, a in page.tags if t == "a" and (a["href"] or "").startswith("http")]
    assert outward
    assert all("noreferrer" in (attrs["rel"] or "") for attrs in outward)


def test_the_same_run_gives_the_same_page(run: Run, html: str) -> None:
    assert render(run) == html


HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><a href='javascript:alert(1)'>",
    "{{ 7 * 7 }}{% raw %}{# #}",
    "line\u2028separator",
    "nul\0byte",
    "\u202eright-to-left\u200f",
    "lone \ud800 surrogate",
    "]]><!-- --></style></title></svg>",
    "token" * 2000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:14]))
def test_hostile_text_is_only_shown(run: Run, page: Page, text: str) -> None:
    evidence, result = run.evidence[0], run.results[0]
    pair = evidence.examples[0]
    token = replace(pair.clean[3], text=text, label=text[:60])
    top = (replace(pair.clean_top[0], text=text), *pair.clean_top[1:])
    pair = replace(pair, clean=(*pair.clean[:3], token, *pair.clean[4:]), answers=(text,), foils=(text,), clean_top=top)
    maps = (replace(evidence.heatmaps[0], title=text, columns=(text[:60], *evidence.heatmaps[0].columns[1:])),)
    said = f"{text}\n{text}"
    shown = replace(
        result,
        check=text,
        claim=Claim("", text=text),
        outcome="fail",
        bound=text,
        message=said,
        place=FileLine(text, 1),
    )
    mutants = (Mutant(text, "pass", None, text), Mutant(text, "fail", None, text))
    survived = MutantsResult(result.behaviour, result.model, text, text, "fail", mutants, text, text)
    hostile = replace(
        run,
        mutants=(survived,),
        command=text,
        started=text,
        versions={text: text},
        settings={text: text},
        models={**run.models, text: {text: text}},
        evidence=(
            replace(evidence, summary=text, source=text, yaml=text, yaml_path=text, examples=(pair,), heatmaps=maps),
            *run.evidence[1:],
        ),
        results=(
            shown,
            replace(result, behaviour=text, model=text, check=text, node_id=text),
            replace(shown, check="baseline", kind="baseline"),
            replace(shown, check="base", kind="base", claim=Claim("reference model", against=text), verdict=text),
            *run.results[1:],
        ),
    )
    inside = dict(pages(hostile, text))
    for html in (render(hostile, text), render(hostile, text, max_bytes=0), *list(inside.values())[:1], inside[INDEX]):
        _check_harmless(html, page, text)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+\.html", name) for name in inside)
    _check_harmless(series_page.render_series([(text, hostile), (text, run), ("c", run)]), page, text, scripts=0)


def _check_harmless(html: str, page: Page, text: str, scripts: int = 1) -> None:
    attacked = Page(html)
    html.encode()
    assert attacked.count("img") == 0
    assert attacked.count("script") == html.lower().count("</script") == scripts
    assert {tag for tag, _ in attacked.tags} <= {tag for tag, _ in page.tags} | {"ul"}  # of mutants
    assert not [name for _, attrs in attacked.tags for name in attrs if name.startswith("on")]
    assert not re.search("[\0\u2028\u202e\u200f\ud800-\udfff]", html)
    assert not [href for href in attacked.values("href") if href.startswith("javascript")]
    if text.isascii() and text.isprintable() and len(text) < 60:
        assert text in attacked.words


def test_a_long_token_is_cut_and_counted(run: Run) -> None:
    evidence = run.evidence[0]
    pair = replace(evidence.examples[0], answers=("x" * 10_000,))
    html = render(replace(run, evidence=(replace(evidence, examples=(pair,)),), results=()))
    assert "x" * 40 + "…" in html
    assert "(10,000 characters)" in html
    assert "x" * 300 not in html


@pytest.mark.parametrize("source", ["javascript:alert(1)", "data:text/html,x", "file:///etc/x", "http://", "//x.y"])
def test_only_web_addresses_become_links(run: Run, source: str) -> None:
    page = Page(render(replace(run, evidence=(replace(run.evidence[0], source=source),))))
    assert source not in page.values("href")
    assert source in page.words


def test_an_empty_run_still_has_a_page() -> None:
    empty = Run(command="", started="", seconds=0.0, versions={}, settings={}, models={})
    page = Page(render(empty))
    assert "No checks were run." in page.words
    assert "No checks were run." in page.words


def test_results_without_evidence_and_evidence_without_results(run: Run) -> None:
    for partial in (replace(run, evidence=()), replace(run, results=()), replace(run, models={})):
        Page(render(partial))
    assert "not measured" in Page(render(replace(run, evidence=()))).words


def test_six_behaviours_on_six_models_stay_small_and_quick(run: Run, large: Callable[[], Run]) -> None:
    started = time.perf_counter()
    html = render(large())
    assert len(html.encode()) < 1_500_000
    assert time.perf_counter() - started < 10


def test_write_replaces_the_older_report_and_leaves_nothing_else(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    write_page(run, path)
    path.write_text("old")
    write_page(run, path)
    assert path.read_text(encoding="utf-8") == render(run)
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_older_report_whole(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(MiChecksError, match="No space left on device"):
        write_page(run, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_told_plainly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "report.html"
    with pytest.raises(MiChecksError) as caught:
        write_page(run, path)
    assert str(caught.value).startswith(f"cannot write the report to {path}: ")
    assert str(caught.value).endswith("; name another file (--mi-report)")
