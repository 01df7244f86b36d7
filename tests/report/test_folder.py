"""A page per behaviour: what is written, in which order, and what becomes of older pages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.report.report_destination import ReportDestination, report_destination, require_writable
from mi_checks.report.report_folder import page_names, pages, write_folder, write_report
from mi_checks.results.run import Run
from tests.pages import Page


def test_every_link_between_pages_leads_to_one_place(run: Run) -> None:
    found = {name: Page(html) for name, html in pages(run)}
    assert list(found) == ["induction.html", "ioi.html", "greater_than.html", "index.html"]
    for name, page in found.items():
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        for href in page.values("href"):
            if not href.startswith(("http", "data:")):
                file, _, anchor = href.partition("#")
                assert not anchor or anchor in found[file or name].values("id"), href


def test_a_behaviour_has_everything_in_full_and_its_comparisons(run: Run) -> None:
    html = dict(pages(run))["induction.html"]
    assert html.count('class="model"') == 4
    assert "in brief" not in html
    words = Page(html).words
    assert "Comparison of neighbouring models: 2 comparisons" in words
    assert "What did not pass" in words
    assert "ioi" not in words


def test_a_page_of_a_behaviour_that_is_gone_is_deleted_and_nothing_else(run: Run, tmp_path: Path) -> None:
    write_folder(run, tmp_path)
    (tmp_path / "mine.html").write_text("<p>not ours")
    some = replace(
        run,
        results=tuple(r for r in run.results if r.behaviour == "ioi"),
        evidence=tuple(e for e in run.evidence if e.behaviour == "ioi"),
    )
    write_folder(some, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index.html", "ioi.html", "mine.html"]


def test_whenever_it_is_interrupted_every_page_is_whole(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(replace(run, command="older"), tmp_path)
    older = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    newer = dict(pages(run))
    replaced: list[str] = []

    def killed(part: str | Path, target: Path) -> None:
        if len(replaced) == 2:
            raise KeyboardInterrupt
        replaced.append(target.name)
        Path(part).rename(target)

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_folder(run, tmp_path)
    assert "index.html" not in replaced
    for path in tmp_path.iterdir():
        assert path.read_text(encoding="utf-8") in (older[path.name], newer[path.name])


def test_names_become_file_names_that_stay_apart() -> None:
    assert page_names(["a", "A", "index", "ioi[case 1]", "../../etc/passwd", "", "\u202e", "x" * 300]) == [
        "a.html", "A-2.html", "index-2.html", "ioi-case-1.html", "etc-passwd.html", "behaviour.html",
        "behaviour-2.html", f"{'x' * 80}.html",
    ]  # fmt: skip


def test_a_name_says_whether_it_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert report_destination("r.html", tmp_path) == ReportDestination(tmp_path / "r.html", folder=False)
    assert (
        report_destination("new/", tmp_path) == report_destination("new", tmp_path / ".")
        or not report_destination("new", tmp_path).folder
    )
    assert report_destination("new/", tmp_path) == ReportDestination(tmp_path / "new/index.html", folder=True)
    assert report_destination("there", tmp_path).run == tmp_path / "there/run.json"


def test_a_place_that_cannot_be_written_is_told_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MiChecksError, match="--output: cannot make the folder "):
        require_writable("--output", report_destination("file/", tmp_path).page)


def test_a_report_goes_where_its_place_says(run: Run, tmp_path: Path) -> None:
    write_report(run, report_destination("one.html", tmp_path))
    write_report(run, report_destination("all/", tmp_path))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")) == [
        "all/greater_than.html", "all/index.html", "all/induction.html", "all/ioi.html", "one.html",
    ]  # fmt: skip
