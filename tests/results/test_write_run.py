"""A run on disk: the same text each time, of a sane size, never half of it."""

import json
import os
from dataclasses import asdict, replace

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.results.write_run import as_data, run_text, write_run
from tests.made_results import run_of


def test_it_is_one_line_with_sorted_keys(run):
    text = run_text(run)
    assert text.isascii()
    assert text.count("\n") == 1
    data = json.loads(text)
    assert list(data) == sorted(data)
    assert text == run_text(replace(run))


def test_values_per_prompt_have_six_digits_and_estimates_all(run):
    sizes = run.results[0].per_prompt
    run = replace(run, evidence=(replace(run.evidence[0], effect_sizes=sizes),))
    data = json.loads(run_text(run))
    shown = data["evidence"][0]
    values = [*data["results"][0]["per_prompt"], *shown["effect"]["per_prompt"], *shown["effect_sizes"]]
    assert len(values) == 192
    assert all(value == float(f"{value:.6g}") for value in values)
    assert values[:64] == pytest.approx(run.results[0].per_prompt, rel=1e-5)
    assert data["results"][0]["estimate"]["value"] == run.results[0].estimate.value


def test_a_folder_is_made_and_nothing_else_left(run, tmp_path):
    write_run(run, tmp_path / "deep" / "run.json")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["run.json"]


@pytest.mark.parametrize("step", ["replace", "fdopen"])
def test_the_old_one_is_whole_when_the_new_one_cannot_be_written(run, path, monkeypatch, step):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, step, full)
    with pytest.raises(MiChecksError) as told:
        write_run(replace(run, seconds=9.0), path)
    assert str(told.value) == (f"cannot write the run to {path}: No space left on device; name another file (--mi-run)")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["run.json"]


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_text(run_of(seconds=float("nan")))


def test_records_become_data_as_the_standard_library_makes_them(run):
    assert json.dumps(as_data(run)) == json.dumps(asdict(run))
