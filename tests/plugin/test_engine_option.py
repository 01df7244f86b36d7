"""`--mi-engine` and its twin: both engines measure the same, and which one did is said."""

import re

import pytest

MEASURED = re.compile(r"fail: measured \S+ \[.*")
CHECKS = "  - logit_diff: {at_least: 90}\n  - patching: {nodes: L1H2, recovers: {at_least: 0.99}}"


@pytest.mark.parametrize("engine", ["replay", "reference"])
def test_an_engine_by_name(project, engine):
    project.behaviour()
    by_option = project.run("--mi-engine", engine)
    project.ini(f"mi_engine = {engine}")
    by_ini = project.run()
    for result in (by_option, by_ini):
        result.assert_outcomes(passed=1)
        assert result.outlines.count(f"engine: {engine}") == 1
        report = (project.path / "reports/report.html").read_text(encoding="utf-8")
        assert f"<dt>engine</dt><dd>{engine}</dd>" in report


def test_auto_replays(project):
    project.behaviour()
    assert project.run().outlines.count("engine: replay") == 1


def test_both_engines_say_the_same(project):
    project.behaviour(checks=CHECKS)
    replay, reference = (MEASURED.findall(project.run("--mi-engine", e).stdout.str()) for e in ("replay", "reference"))
    assert replay == reference
    assert len(set(replay)) == 2


def test_a_model_that_is_not_reproduced_is_left_to_the_reference_and_that_is_said_once(project, monkeypatch):
    monkeypatch.setattr("mi_checks.engine.choose_engine.reproduces_logits", lambda model, loaded_model: False)
    monkeypatch.setattr("mi_checks.engine.choose_engine._replayable_models", {})
    project.behaviour(checks="  - logit_diff: {at_least: 1.5}\n  - accuracy: {at_least: 0.1}")
    result = project.run()
    result.assert_outcomes(passed=2)
    said = [line for line in result.outlines if line.startswith("engine: ")]
    assert said == ["engine: reference for nano-attn-2l, whose logits replay does not reproduce"]


def test_replay_asked_for_on_a_model_that_it_does_not_reproduce(project, monkeypatch):
    monkeypatch.setattr("mi_checks.engine.choose_engine.reproduces_logits", lambda model, loaded_model: False)
    monkeypatch.setattr("mi_checks.engine.choose_engine._replayable_models", {})
    project.behaviour()
    result = project.run("--mi-engine", "replay")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["nano-attn-2l: the replay engine does not reproduce this model; use --mi-engine reference or auto"]
    )


def test_an_engine_of_no_kind(project):
    project.behaviour()
    by_option = project.run("--mi-engine", "refrence")
    project.ini("mi_engine = refrence")
    for result in (by_option, project.run()):
        assert result.ret == 4
        assert result.stderr.lines[0] == (
            "ERROR: --mi-engine 'refrence': use one of auto, replay, reference; did you mean 'reference'?"
        )
