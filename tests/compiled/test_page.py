"""The committed figures of discovery on compiled programs: what they must reach, and that they are on the page."""

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"
PROGRAMS, MISSED = 12, 2  # at least, and at most


@pytest.fixture
def compiled(monkeypatch):
    """The script, which imports what stands beside it."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("compiled")


@pytest.fixture
def judged(compiled):
    return compiled.read_results(BENCHMARKS / "results" / "compiled.json")[1]


def test_enough_programs_are_compiled(judged):
    assert len({row.name for row in judged}) == len(judged) >= PROGRAMS
    assert sum(row.nodes.true for row in judged) >= 56
    assert {row.accuracy for row in judged} == {1}


def test_nodes_are_found_and_none_is_named_that_carries_nothing(judged):
    assert sum(row.nodes.true - row.nodes.right for row in judged) <= MISSED
    assert [name for row in judged for name in (*row.false, *row.false_paths)] == []
    assert sum(row.neurons.false for row in judged) == 0


def test_the_larger_effect_tells_them_apart_in_every_program(judged):
    assert {row.auroc[0] for row in judged} == {1}
    assert min(row.auroc[1] for row in judged) < 1  # a conjunction's nodes recover nothing
    assert min(row.auroc[2] for row in judged) < 1  # and redundant nodes remove nothing


def test_right_claims_pass_and_wrong_ones_fail(judged):
    for row in judged:
        assert row.right_claims.passed == row.right_claims.made == row.nodes.true, row.name
        assert row.wrong_claims.passed == 0 < row.wrong_claims.made, row.name
        assert row.drafted.passed == row.drafted.made > 0, row.name


def test_what_was_judged_is_on_the_page(compiled, judged):
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    for line in (*map(compiled.table_row, judged), compiled.totals_row(judged), *compiled.total_lines(judged)):
        assert line in page
