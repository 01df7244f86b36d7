"""Files of runs into the history."""

import json

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.history.run_store import History, ImportReport, import_runs, run_summaries
from mi_checks.results.read_run import parse_run
from mi_checks.results.write_run import run_text, write_run
from tests.history.conftest import month
from tests.made_results import before_the_fifth_schema


@pytest.fixture
def history(tmp_path):
    with History.at(tmp_path / "history.sqlite3", create=True) as history:
        yield history


def test_twice_is_once(history, tmp_path):
    write_run(month(1), tmp_path / "a.json")
    assert import_runs(history, [tmp_path / "a.json"]) == ImportReport(1, 0, (), ())
    assert import_runs(history, [tmp_path / "a.json"]) == ImportReport(0, 1, (), ())
    write_run(month(1), tmp_path / "copy.json")
    assert import_runs(history, [tmp_path / "copy.json"]) == ImportReport(0, 1, (), ())
    assert len(run_summaries(history)) == 1


def test_an_older_schema_of_a_run_is_that_run(history, tmp_path):
    write_run(month(1), tmp_path / "a.json")
    data = before_the_fifth_schema(month(1))
    for each in data["results"]:
        del each["prompts_sha256"]
    (tmp_path / "old.json").write_text(json.dumps({**data, "schema_version": 1}))
    assert import_runs(history, [tmp_path / "a.json", tmp_path / "old.json"]) == ImportReport(1, 1, (), ())


@pytest.mark.parametrize("other", [month(2), month(1, 5.0), month(1, weights="b" * 64)])
def test_another_time_value_or_model_is_another_run(history, tmp_path, other):
    for name, run in (("a", month(1)), ("b", other)):
        write_run(run, tmp_path / f"{name}.json")
    assert import_runs(history, [tmp_path / "a.json", tmp_path / "b.json"]) == ImportReport(2, 0, (), ())


def test_nothing_of_a_run_is_lost(history, tmp_path):
    write_run(month(1), tmp_path / "a.json")
    import_runs(history, [tmp_path / "a.json"])
    (kept,) = run_summaries(history)
    assert history.text(kept.short_name) == (tmp_path / "a.json").read_text()
    assert parse_run(history.text(kept.run), "kept") == parse_run(run_text(month(1)), "whole")


def test_a_folder_is_read_with_those_below_and_other_json_is_skipped(history, tmp_path):
    (tmp_path / "all/deep").mkdir(parents=True)
    for number in range(1, 8):
        write_run(month(number), tmp_path / f"all/deep/{number}.json")
    (tmp_path / "all/config.json").write_text("{}")
    assert import_runs(history, [tmp_path / "all"]) == ImportReport(7, 0, (tmp_path / "all/config.json",), ())


def test_what_is_wrong_with_one_file_keeps_the_others_from_nothing(history, tmp_path):
    write_run(month(1), tmp_path / "z.json")
    text = (tmp_path / "z.json").read_text()
    (tmp_path / "cut.json").write_text(text[:300])
    (tmp_path / "no.json").write_text("{}")
    found = import_runs(history, [tmp_path / name for name in ("cut.json", "no.json", "none.json", "z.json")])
    assert (found.new, found.known, found.skipped) == (1, 0, ())
    assert found.errors == (
        f"{tmp_path}/cut.json is incomplete: it ends within the run; run pytest again, or copy the file again",
        f"{tmp_path}/no.json is JSON but not a run; name a file written by pytest --mi-run",
        f"the run '{tmp_path}/none.json' does not exist; pytest writes one beside its report (--mi-run)",
    )


def test_a_folder_without_json(history, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MiChecksError) as told:
        import_runs(history, [tmp_path / "empty"])
    assert (
        str(told.value)
        == f"the folder '{tmp_path}/empty' has no JSON files; name run files, or folders that contain them"
    )


@pytest.mark.parametrize(
    ("called", "how"),
    [
        ("", "several runs have names that begin"),
        ("zz", "no run has a name that begins"),
        ("SAME", "several runs have names that begin"),
    ],
)
def test_a_run_that_is_not_called_so(history, tmp_path, called, how):
    for number in range(1, 20):
        write_run(month(1 + number % 12, float(number)), tmp_path / f"{number}.json")
    import_runs(history, sorted(tmp_path.glob("*.json")))
    first = [each.run[0] for each in run_summaries(history)]
    called = called.replace("SAME", next(letter for letter in first if first.count(letter) > 1))
    with pytest.raises(MiChecksError) as told:
        history.text(called)
    assert str(told.value) == (f"{history.path}: {how} with {called!r}; mi-checks history list shows the names")
