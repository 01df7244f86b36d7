"""The data file has a row for each pair, because two rows of one pair would not be independent."""

import csv

from mi_checks.studies.mining.mining_output import TrigramRow, data_file_text
from mi_checks.studies.mining.trigrams import Trigram


def row(a: str, c: str) -> TrigramRow:
    trigram = Trigram((0, 1, 2), count=9, ab_count=10, bc_count=9, b_count=90)
    return TrigramRow(trigram, (a, " b", c), held_out=None, held_out_count=0, p_other_given_ab=0.0)


def test_a_pair_is_one_row_and_the_second_trigram_comes_first_in_every_other_row():
    groups = [(row(f" {name}1", " x"), row(f" {name}2", " y")) for name in "pqr"]
    rows = list(csv.DictReader(data_file_text(groups, "b", ".csv").splitlines()))
    assert [(each["a"], each["c"], each["a2"], each["c2"]) for each in rows] == [
        (" p1", " x", " p2", " y"),
        (" q2", " y", " q1", " x"),
        (" r1", " x", " r2", " y"),
    ]


def test_a_trigram_without_a_partner_is_one_row():
    rows = list(csv.DictReader(data_file_text([(row(" p", " x"),), (row(" q", " y"),)], None, ".csv").splitlines()))
    assert [(each["a"], each["c"]) for each in rows] == [(" p", " x"), (" q", " y")]
