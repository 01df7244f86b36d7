"""Pairs of which either does without the other."""

import pytest

from mi_checks.discovery.redundancy import ablations
from mi_checks.engine.nodes import all_nodes
from mi_checks.spec.model_shape import ModelShape

SMALL = ModelShape(2, 3, None)


def found(stubbed, removed, shape=SMALL, known=()):
    measured = stubbed(lambda intervention: removed({str(node) for node in intervention.nodes}), shape)
    heads = all_nodes("head", shape)
    known = [head for head in heads if str(head) in known]
    return ablations(measured, measured, heads, known, 0.1, "mean"), measured


def names(result):
    return [tuple(map(str, each.pair)) for each in result.redundant]


def test_a_pair_that_only_matters_together_is_redundant(stubbed):
    result, _ = found(stubbed, lambda out: 0.9 * ({"L0H0", "L1H2"} <= out))
    assert names(result) == [("L0H0", "L1H2")]
    (pair,) = result.redundant
    assert [alone.value for alone in pair.alone] == pytest.approx([0, 0])
    assert pair.together.value == pytest.approx(0.9, abs=0.02)
    assert result.pairs == 15


def test_two_that_add_up_are_not_and_neither_is_one_that_matters_alone(stubbed):
    adds = found(stubbed, lambda out: 0.09 * len(out))[0]
    alone = found(stubbed, lambda out: 0.9 * ("L0H0" in out))[0]
    assert names(adds) == names(alone) == []
    assert alone.removed(alone.heads[0]).value == pytest.approx(0.9, abs=0.02)
    assert alone.pairs == 10  # those without L0H0


def test_of_many_heads_only_pairs_with_a_known_one_are_ablated(stubbed):
    shape = ModelShape(5, 6, None)
    result, measured = found(stubbed, lambda out: 0.9 * ({"L0H0", "L4H5"} <= out), shape, known=["L0H0"])
    assert names(result) == [("L0H0", "L4H5")]
    assert result.pairs == 29
    assert len(measured.asked) == 30 + 29
