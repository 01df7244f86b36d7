"""`pytest -n 2`: the same results, one table, one report."""

import re

import pytest

pytest.importorskip("xdist")

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}"""


def table(result):
    lines = result.outlines
    start = next(i for i, line in enumerate(lines) if re.fullmatch(r" +nano-attn-1l  nano-attn-2l", line))
    end = next(i for i, line in enumerate(lines) if line.startswith("report: "))
    return lines[start : end + 1]


@pytest.fixture
def two_behaviours(project):
    models = "  nano-attn-2l: {}\n  nano-attn-1l: absent"
    project.behaviour("ab", checks=CHECKS.replace("at_most: 0.01", "at_least: 0.65"), models=models)
    project.behaviour("cd", checks=CHECKS, models=models)
    return project


def test_workers_measure_what_one_process_does(two_behaviours):
    alone = two_behaviours.run("--mi-no-cache", "--mi-report", "alone.html", "--mi-count", "96")
    spread = two_behaviours.run("-n", "2", "--mi-no-cache", "--mi-report", "spread.html", "--mi-count", "96")
    assert table(spread)[:-1] == table(alone)[:-1]
    assert table(spread)[-1] == "report: spread.html"
    assert spread.ret == alone.ret == 1
    spread.assert_outcomes(passed=5, failed=1)
    assert spread.stdout.str().count("report: spread.html") == 1
    html = (two_behaviours.path / "spread.html").read_text(encoding="utf-8")
    for text in ("nano-attn-1l", "nano-attn-2l", "behaviours/cd.yaml"):
        assert html.count(text) == (two_behaviours.path / "alone.html").read_text(encoding="utf-8").count(text)


def test_a_bad_option_ends_the_run_before_any_worker_starts(project):
    project.behaviour()
    result = project.run("-n", "2", "--mi-model", "nano-attn-9l")
    assert result.ret == 4
    assert "workers" not in result.stdout.str()
