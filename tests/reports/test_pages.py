"""The committed pages of `reports/gallery/`: what in them is compared, what is not, and what is refused."""

import subprocess
from types import SimpleNamespace

import pytest

from mi_checks.report.html import render
from reports import pages
from reports.findings import differing
from reports.pages import GALLERY, LIMIT, PAGES, ROOT, content
from tests.report.conftest import make_run

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>All 2 checks passed.</title><style>h1{}</style></head>
<body><p class="when">2026-01-01 · took 3 s</p><p class="setup">numpy 2.3</p>
<details class="facts"><dl><dt>torch</dt><dd>2.9</dd></dl></details>
<table><tr><td><b>✓</b> pass<br>4.12 [3.74, 4.49]</td><td class="c">.42</td></tr></table>
<svg role="img"><title>logit_diff</title><desc>4.12 logits</desc><g><title>a dot</title><path d="M0 0"/>
<text>4</text></g></svg><script>run(1)</script><p>the end</p></body></html>"""


def told(old, new):
    return differing(content(old), content(new))


def test_what_is_measured_is_read_and_nothing_else():
    assert content(PAGE).splitlines() == [
        "All 2 checks passed.", "✓", "pass", "4.12 [3.74, 4.49]", "0.42", "logit_diff", "4.12 logits", "the end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("2026-01-01 · took 3 s", "2027-02-02 · took 9 s", True),
        (">2.9<", ">2.10<", True),
        ("numpy 2.3", "numpy 2.4", True),
        ("h1{}", "h2{}", True),
        ("run(1)", "run(2)", True),
        ("4.12 [", "4.13 [", True),
        (".42", ".43", True),
        ("4.12 [", "4.14 [", False),
        (".42", ".44", False),
        ("pass", "fail", False),
        ("the end", "another end", False),
        ("<p>the end</p>", "", False),
    ],
)
def test_another_time_and_machine_are_the_same_and_another_result_is_not(old, new, same):
    assert PAGE.count(old) >= 1
    assert (told(PAGE, PAGE.replace(old, new)) == []) == same


def test_of_a_real_page_every_verdict_and_value_is_compared():
    page = render(make_run())
    lines = content(page).splitlines()
    assert {"pass", "fail", "inconclusive", "error", "absent"} <= set(lines)
    assert sum(line.startswith("logit_diff on nano-attn-2l: pass") for line in lines) == 3  # a chart's title
    assert not any("took" in line or "sha256" in line for line in lines)
    assert told(page, page.replace("<b>3.76</b>", "<b>3.79</b>")) == ["3.76"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_committed_and_small_and_says_how_to_run_it_again(name):
    page = (GALLERY / name).read_text(encoding="utf-8")
    assert len(page.encode()) <= LIMIT
    assert " ".join(["pytest", *PAGES[name]]) in content(page)


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """What pytest would leave: an exit code, and a page."""

    def ran(status, page="a page"):
        (tmp_path / "reports").mkdir()
        (tmp_path / "reports/induction.html").write_text(page)
        monkeypatch.setattr(pages, "ROOT", tmp_path)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=status))

    return ran


def test_a_page_of_what_does_not_pass_is_refused(ran):
    ran(1)
    with pytest.raises(pages.NotWritten, match=r"^not every check passes \(pytest's exit code is 1\)$"):
        pages.measured("induction.html")


def test_a_page_that_is_too_large_is_refused(ran):
    ran(0, "x" * (LIMIT + 1))
    with pytest.raises(pages.NotWritten, match=r"^reports/induction.html has 2,000,001 bytes, and may have 2,000,000$"):
        pages.measured("induction.html")


def test_a_page_that_passes_is_read(ran):
    ran(0)
    assert pages.measured("induction.html") == "a page"
    assert pages.changed("induction.html", "a page") != []
    assert ROOT != pages.ROOT
