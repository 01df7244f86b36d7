"""`mi-checks report` on files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.report.single_page import render
from mi_checks.results.read_run import read_run
from mi_checks.results.run import SCHEMA_VERSION
from mi_checks.results.write_run import write_run
from tests.made_results import before_the_fifth_schema
from tests.pages import Page
from tests.report.conftest import make_run


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_run(make_run(), Path("r.json"))
    return read_run(Path("r.json"))


def told(capsys, *arguments):
    code = main(["report", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def page(path):
    return Page(Path(path).read_text(encoding="utf-8"))


def test_a_run_gets_its_report_beside_it(capsys, run):
    assert told(capsys, "r.json") == (0, "report: r.html\n", "")
    assert Path("r.html").read_text(encoding="utf-8") == render(run, "r.json")


def test_a_run_gets_a_folder(capsys, run):
    assert told(capsys, "r.json", "-o", "all/") == (0, "report: all/index.html\n", "")
    names = {path.name for path in Path("all").iterdir()}
    assert names == {"greater_than.html", "index.html", "induction.html", "ioi.html"}


def test_a_run_that_was_cut_short_is_shown_as_far_as_it_came(capsys, run):
    cut = replace(run, results=run.results[:12], evidence=(), selected=40)
    write_run(cut, Path("cut.json"))
    assert told(capsys, "cut.json")[0] == 0
    assert "The run was cut short: 12 of 40 checks ran, and only these are in this report." in page("cut.html").words
    assert "not measured" in page("cut.html").words


def test_an_older_schema_is_upgraded_and_a_newer_one_refused_by_name(capsys, run):
    data = before_the_fifth_schema(run)
    for result in data["results"]:
        del result["prompts_sha256"]
    Path("old.json").write_text(json.dumps({**data, "schema_version": 1}))
    assert told(capsys, "old.json")[0] == 0
    assert "45 of 48 checks passed." in page("old.html").words
    Path("new.json").write_text(json.dumps({**data, "schema_version": 99}))
    code, out, err = told(capsys, "new.json")
    assert (code, out) == (2, "")
    assert err.startswith(
        f"mi-checks: new.json is a run of schema 99, and this mi-checks reads schemas up to {SCHEMA_VERSION}: "
    )
    assert not Path("new.html").exists()


def test_two_runs_are_compared(capsys, run):
    weaker = tuple(replace(r, outcome="fail") if r.check == "accuracy" else r for r in run.results)
    write_run(replace(run, results=weaker), Path("w.json"))
    assert told(capsys, "r.json", "w.json", "-o", "both.html") == (0, "report: both.html\n", "")
    assert "mi-checks compare" in page("both.html").words
    assert "8 of 48 checks drifted." in page("both.html").words


def test_checkpoints_stand_side_by_side_with_a_curve_each(capsys, run):
    names = []
    for step, model in enumerate(("nano-attn-1l", "nano-attn-2l", "nano-gelu-2l")):
        some = tuple(r for r in run.results if r.model == model)
        evidence = tuple(e for e in run.evidence if e.model == model)
        if step == 2:  # other prompts, of one behaviour
            effects = [
                replace(e.effect, prompts_sha256="others") if e.behaviour == "ioi" else e.effect for e in evidence
            ]
            evidence = tuple(replace(e, effect=effect) for e, effect in zip(evidence, effects, strict=True))
        names.append(f"{step}.json")
        write_run(replace(run, results=some, evidence=evidence, models={}), Path(names[-1]))
    assert told(capsys, *names, "-o", "series.html")[0] == 0
    found = page("series.html")
    assert "3 runs side by side." in found.words
    assert found.count("svg") == 2
    assert "no curve: the runs used different prompts" in found.words
    assert [model in found.words for model in ("nano-attn-1l", "nano-attn-2l", "nano-gelu-2l")] == [True] * 3
    descriptions = [text for text in found.text if text.startswith("In the order of the runs: ")]
    assert len(descriptions) == 2
    assert found.count("script") == 0


def test_runs_of_several_models_have_a_row_for_each(capsys, run):
    names = ["r.json", "r.json", "r.json"]
    assert told(capsys, *names, "-o", "out/")[:2] == (0, "report: out/index.html\n")
    rows = [tag for tag, _ in page("out/index.html").tags].count("tr")
    assert rows == 1 + len({(r.behaviour, r.model) for r in run.results})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["r.json", "r.json"], "2 runs need a file for their page; name it with -o PATH.html"),
        (["r.json", "-o", "r.json"], "--output: 'r.json' is the run itself; name another file"),
        (["gone.json"], "the run 'gone.json' does not exist; pytest writes one beside its report (--mi-run)"),
        (["r.json", "-o", "file/x.html"], "--output: cannot make the folder 'file': File exists"),
        (["gone.json", "-o", "file/"], "--output: cannot make the folder 'file': File exists"),
        (["r.html"], "r.html:1:1: not JSON: Expecting value; the run beside a report is r.json"),
    ],
)
def test_mistakes(capsys, run, arguments, message):
    Path("file").write_text("")
    Path("r.html").write_text("<!doctype html>")
    assert told(capsys, *arguments) == (2, "", f"mi-checks: {message}\n")
