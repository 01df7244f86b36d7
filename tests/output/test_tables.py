"""Tables and one-line charts, to the letter."""

import pytest

from mi_checks.output.tables import (
    MAX_SPARKLINE_WIDTH,
    markdown_row,
    markdown_table,
    sparkline,
    terminal_table,
)


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [["", "model", "n"], ["induction", "a", "12"], ["x", "bc"]]
    assert terminal_table(rows) == ["           model  n", "induction  a      12", "x          bc"]
    assert terminal_table(rows, right=[2])[:2] == ["           model   n", "induction  a      12"]


def test_a_table_without_rows_has_no_lines():
    assert terminal_table([]) == []


def test_a_bar_does_not_end_a_cell():
    assert markdown_table(["a"], [["x | y"]]) == ["| a |", "| --- |", "| x \\| y |"]
    assert markdown_row(["mean |share|", "1"]) == r"| mean \|share\| | 1 |"


def test_a_sparkline():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([2.0, None, 1.0]) == "█ ▁"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([None]) == " "
    assert sparkline([]) == ""
    many = sparkline([float(value) for value in range(10_000)])
    assert (len(many), many[0], many[-1]) == (MAX_SPARKLINE_WIDTH, "▁", "█")


@pytest.mark.parametrize(
    ("values", "drawn"),
    [((0, 1, 2), "▁▅█"), ((-3, 0, 7), "▁▁█"), ((-1, -2), "▁▁"), ((0.0, 0.0), "▁▁"), ((5.0, 5.0), "██")],
)
def test_a_sparkline_may_begin_at_zero(values, drawn):
    assert sparkline(values, from_zero=True) == drawn
