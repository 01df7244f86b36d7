"""A second run measures nothing that is as it was."""

import pytest

from mi_checks.results.read_run import read_run

PATCHING = "  - logit_diff: {at_least: 1.5}\n  - patching: {nodes: L1H2, recovers: {at_least: 0.3}}\n" + (
    "  - attention: {nodes: L1H2, from: A2, to: B1, at_least: 0.1}"
)
OWN_SCORE = """\
def pytest_mi_scores(config):
    return {"probability": lambda logits, answers, foils: logits.softmax(-1).gather(1, answers)[:, 0]}
"""


@pytest.fixture
def kept(project):
    project.behaviour(checks=PATCHING)
    first = project.run()
    first.assert_outcomes(passed=3)
    first.stdout.fnmatch_lines(["cache: 0 of 40 measurements reused"])
    return project


def entries(project):
    return list((project.path / ".pytest_cache" / "d" / "mi_checks").iterdir())


def test_a_second_run_measures_nothing_and_finds_the_same(kept, monkeypatch):
    from mi_checks.suite import suite

    def unwanted(*_):
        raise AssertionError("an engine was made")

    monkeypatch.setattr(suite, "choose_engine", unwanted)
    before = (kept.path / "reports/report.html").read_text(encoding="utf-8")
    fresh = read_run(kept.path / "reports/report.json").evidence
    second = kept.run()
    second.assert_outcomes(passed=3)
    second.stdout.fnmatch_lines(["engine: replay", "cache: 3 of 3 results reused"])
    after = (kept.path / "reports/report.html").read_text(encoding="utf-8")
    assert 'class="circuit"' in after
    assert read_run(kept.path / "reports/report.json").evidence == fresh
    assert before.count("<svg") == after.count("<svg") > 0


def test_another_bound_is_judged_anew(kept):
    kept.behaviour(checks=PATCHING.replace("0.3", "0.999"))
    second = kept.run()
    second.assert_outcomes(passed=2, failed=1)
    second.stdout.fnmatch_lines(["cache: 40 of 40 measurements reused"])


@pytest.mark.parametrize("option", [("--mi-seed", "7"), ("--mi-count", "12"), ("--mi-engine", "reference")])
def test_other_prompts_or_another_engine_measure_anew(kept, option):
    kept.run(*option).stdout.fnmatch_lines(["cache: 0 of 40 measurements reused"])


def test_other_weights_measure_anew(kept, folder):
    """The same claims, other weights: what was measured on the first says nothing of the second."""
    second = kept.run("--mi-model", f"nano-attn-2l={folder(zero_heads=[(1, 2)])}")
    second.stdout.fnmatch_lines(["cache: 0 of 4[0-9] measurements reused"])  # a failure asks for more
    assert second.parseoutcomes()["failed"] >= 2


def test_no_cache_neither_reads_nor_writes(kept):
    for entry in entries(kept):
        entry.unlink()
    second = kept.run("--mi-no-cache")
    second.assert_outcomes(passed=3)
    assert "cache:" not in second.stdout.str()
    assert entries(kept) == []


def test_no_cache_has_an_ini_twin(kept):
    assert "cache:" not in kept.run("-o", "mi_no_cache=true").stdout.str()


def test_without_pytests_cache_there_is_none(kept):
    second = kept.run("-p", "no:cacheprovider", "-o", "addopts=")
    second.assert_outcomes(passed=3)
    assert "cache:" not in second.stdout.str()


def test_cache_clear_clears_it(kept):
    kept.run("--cache-clear").stdout.fnmatch_lines(["cache: 0 of 40 measurements reused"])


def test_a_garbled_entry_is_measured_anew(kept):
    for entry in entries(kept):
        entry.write_bytes(entry.read_bytes()[:100])
    second = kept.run()
    second.assert_outcomes(passed=3)
    second.stdout.fnmatch_lines(["cache: 0 of 40 measurements reused"])


def test_an_own_score_is_always_measured(kept):
    """Nobody knows what a project's function reads besides the logits."""
    kept.write("behaviours/conftest.py", OWN_SCORE)
    text = kept.behaviour(checks="  - logit_diff: {at_least: 0.05}")
    kept.copy("ab", text.replace("  foils:", "  score: probability\n  foils:").replace("count: 16", "count: 64"))
    for entry in entries(kept):
        entry.unlink()
    result = kept.run()
    result.assert_outcomes(passed=1)
    assert "cache:" not in result.stdout.str()
    assert len(entries(kept)) == 2  # the prompts, and the guards of the model


def test_workers_share_it(kept):
    pytest.importorskip("xdist")
    kept.behaviour("cd", checks=PATCHING)
    kept.run("-n", "2").assert_outcomes(passed=6)
    alone = kept.run()
    alone.assert_outcomes(passed=6)
    # Results are stored only by a worker that has run all items of a behaviour on a model.
    assert {*alone.outlines} & {
        "cache: 6 of 6 results reused",
        "cache: 3 of 6 results and 40 of 40 measurements reused",
    }
