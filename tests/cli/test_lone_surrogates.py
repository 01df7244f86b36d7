"""A token, a file or a path may hold half of a character (`\\ud800`): every verb takes such a run, and shows it."""

import json
from dataclasses import replace

import pytest

from mi_checks.ci.ci_summary import ci_summary
from mi_checks.cli.main import main
from mi_checks.errors import MiChecksError
from mi_checks.results.read_run import read_run
from mi_checks.results.write_run import JOURNAL_SUFFIX, run_text, write_run
from tests.browser.hostile import spoiled
from tests.report.conftest import make_run

HALF = "\ud800"


@pytest.fixture(scope="module")
def run():
    """Every text of it ends in half a character."""
    run = make_run()
    return replace(spoiled(run, lambda text: text + HALF), started=run.started)


@pytest.fixture
def file(run, tmp_path):
    write_run(run, tmp_path / "run.json")
    return tmp_path / "run.json"


def test_it_is_read_as_it_was_written(run, file):
    again = read_run(file)
    assert again.evidence[0].examples == run.evidence[0].examples
    assert again.results[0].claim == run.results[0].claim
    assert again.results[0].claim.text.endswith(HALF)
    assert json.loads(run_text(again)) == json.loads(file.read_text(encoding="utf-8"))


def test_its_types_are_checked_as_of_any_other(file):
    data = json.loads(file.read_text())
    data["seconds"] = "83.2"
    file.write_text(json.dumps(data))
    with pytest.raises(MiChecksError, match=r"run as pytest writes it: seconds: Input should be a valid number"):
        read_run(file)


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_report_draws_it(file, tmp_path, capsys, runs):
    page = tmp_path / "page.html"
    assert main(["report", *[str(file)] * runs, "-o", str(page)]) == 0
    assert capsys.readouterr().out == f"report: {page}\n"
    text = page.read_text(encoding="utf-8")
    assert "induction\\ud800" in text
    assert HALF not in text


def test_report_draws_it_as_a_folder(file, tmp_path):
    assert main(["report", str(file), "-o", f"{tmp_path}/pages/"]) == 0
    assert "induction\\ud800" in (tmp_path / "pages/induction.html").read_text(encoding="utf-8")


def test_report_draws_what_is_left_of_a_run_that_was_killed(file, tmp_path):
    left = file.rename(file.with_name(file.name + JOURNAL_SUFFIX))
    assert main(["report", str(left), "-o", str(tmp_path / "page.html")]) == 0
    assert "induction\\ud800" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_journal_that_does_not_say_when_is_refused(run, tmp_path):
    left = tmp_path / f"run.json{JOURNAL_SUFFIX}"
    left.write_text(run_text(replace(run, started="today")))
    with pytest.raises(MiChecksError) as error:
        read_run(left)
    told = f"{left} does not say when its run began; run pytest again, or copy the file again"
    assert str(error.value) == told


@pytest.mark.parametrize("form", ["text", "json"])
def test_compare_prints_it(run, file, tmp_path, capfd, form):
    first, *others = run.results
    other = replace(run, results=(replace(first, outcome="fail"), *others))
    write_run(other, tmp_path / "other.json")
    assert main(["compare", str(file), str(tmp_path / "other.json"), "--format", form]) == 1
    out = capfd.readouterr().out
    assert "induction\\ud800" in out
    if form == "json":
        assert json.loads(out)["changes"][0]["behaviour"] == f"induction{HALF}"


def test_history_keeps_it(file, tmp_path, capfd):
    kept = ["--history", str(tmp_path / "h.sqlite3")]
    assert main(["history", "import", str(file), *kept]) == 0
    assert main(["history", "import", str(file), *kept]) == 0
    assert main(["history", "show", "induction?", *kept]) == 0
    assert "induction?" in capfd.readouterr().out


def test_a_paragraph_of_it_can_be_written(run, tmp_path):
    from mi_checks.files import write_file

    write_file(tmp_path / "summary.md", ci_summary(run, []), "the summary")
    assert "\\ud800" in (tmp_path / "summary.md").read_text(encoding="utf-8")
