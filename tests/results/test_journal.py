"""What is left of a run that is killed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.results.read_run import read_run
from mi_checks.results.write_run import Journal, delete_journals, journal_files
from tests.effects import around
from tests.made_results import result, run_of

FIRST, SECOND, THIRD = (result(check, around(6), at_least=2) for check in ("logit_diff", "accuracy", "patching[a]"))


def so_far(*results, seconds=1.0, started="2026-01-01T00:00:00+00:00"):
    run = run_of(*results)
    numbered = tuple(replace(each, node_id=each.check) for each in results)
    return replace(run, results=numbered, selected=40, seconds=seconds, started=started)


def checks(path):
    return [each.check for each in read_run(path).results]


def test_whole_lines_are_one_run_and_one_that_was_cut_is_dropped(tmp_path):
    journal = Journal(tmp_path / "r.json", "")
    journal.add(so_far(FIRST))
    journal.add(so_far(FIRST, SECOND, seconds=9.0))
    journal.add(so_far(FIRST, SECOND, THIRD, seconds=20.0))
    part = tmp_path / "r.json.part"
    assert len(part.read_text().splitlines()) == 3
    assert checks(part) == ["logit_diff", "accuracy", "patching[a]"]
    part.write_text(part.read_text()[:-100])
    found = read_run(part)
    assert [each.check for each in found.results] == ["logit_diff", "accuracy"]
    assert found.seconds == 9.0
    assert found.cut_short == (2, 40)


def test_workers_journals_are_one_run_and_an_older_one_is_left_out(tmp_path):
    Journal(tmp_path / "r.json", "gw0").add(so_far(FIRST))
    Journal(tmp_path / "r.json", "gw1").add(so_far(SECOND, started="2026-01-01T00:00:02+00:00"))
    Journal(tmp_path / "r.json", "gw2").add(so_far(THIRD, started="2025-12-31T00:00:00+00:00"))
    Journal(tmp_path / "other.json", "").add(so_far(THIRD))
    assert checks(tmp_path / "r.json.part") == ["logit_diff", "accuracy"]
    assert checks(tmp_path / "r.json.gw1.part") == ["accuracy"]
    assert len(journal_files(tmp_path / "r.json")) == 3
    delete_journals(tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["other.json.part"]


def test_another_run_begins_its_journal_anew(tmp_path):
    Journal(tmp_path / "r.json", "").add(so_far(FIRST))
    Journal(tmp_path / "r.json", "").add(so_far(SECOND))
    assert checks(tmp_path / "r.json.part") == ["accuracy"]


def test_a_run_that_is_not_there_is_told_with_what_is_left_of_it(tmp_path):
    path = tmp_path / "r.json"
    Journal(path, "gw0").add(so_far(FIRST))
    with pytest.raises(MiChecksError) as caught:
        read_run(path)
    assert (
        str(caught.value) == f"the run {str(path)!r} does not exist; a run that was killed left {str(path) + '.part'!r}"
    )


def test_nothing_left_is_said(tmp_path):
    for text in (None, "{"):
        if text:
            Path(tmp_path / "r.json.part").write_text(text)
        with pytest.raises(MiChecksError, match="has no complete line of a run that was killed; run pytest again"):
            read_run(tmp_path / "r.json.part")


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    Journal(tmp_path / "file/r.json", "").add(so_far(FIRST))
    assert (tmp_path / "file").read_text() == ""
