"""The last lines, and the bar while a sweep runs."""

import pytest


def test_the_table_and_the_report(project):
    project.whole("ab")
    project.behaviour(
        "longer_name", checks="  - logit_diff: {at_least: 5}", models="  nano-gelu-2l: {}\n  nano-attn-2l: {}"
    )
    lines = project.run("--mi-count", "96").outlines
    start = lines.index("             nano-attn-1l  nano-attn-2l  nano-gelu-2l")
    assert lines[start + 1] == "ab           ✓ absent      ✓ 5/5         ·"
    assert lines[start + 2].startswith("longer_name  ·             ? 0/1         ")
    assert (
        lines[start + 3]
        == "✓ all pass   ✗ a check fails   ? inconclusive   ! error   absent: declared and found absent"
    )
    assert lines[start + 4] == "engine: replay"  # none passed near its bound
    # The second behaviour has one base run with the first on nano-attn-2l, and what lints look at is measured once
    assert lines[start + 5] == "cache: 3 of 49 measurements reused"
    assert lines[start + 6 : start + 7] == ["report: reports/report.html"]


def test_nothing_is_said_where_no_behaviour_ran(project):
    project.write("test_other.py", "def test_other(): pass")
    assert "absent:" not in project.run().stdout.str()


def test_behaviours_and_tests_run_together(project):
    project.behaviour()
    project.write("test_other.py", "def test_other(): assert False")
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["ab  ✓ 1/1"])


SWEPT = "  - mediators: {component: head, above: 0.2, include: L1H2}"


@pytest.fixture
def impatient(project, monkeypatch):
    from mi_checks.output import progress

    monkeypatch.setattr(progress, "PROGRESS_DELAY_S", 0.0)
    return project


def test_a_bar_is_drawn_on_a_terminal_past_the_capture(impatient):
    """`pytester` gives no terminal, so the reporter is told that it has one."""
    impatient.behaviour(checks=SWEPT)
    impatient.write(
        "conftest.py",
        "def pytest_plugin_registered(plugin, plugin_name):\n"
        "    if plugin_name == 'terminalreporter':\n"
        "        plugin.isatty = lambda: True\n",
    )
    result = impatient.run()
    result.assert_outcomes(passed=1)
    assert "ab nano-attn-2l: heads:   0%|          | 0/2 [" in result.stdout.str()


def test_no_bar_is_drawn_in_a_log(impatient):
    impatient.behaviour(checks=SWEPT)
    assert "heads:" not in impatient.run().stdout.str()
