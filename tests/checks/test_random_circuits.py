"""Which random circuits a circuit is compared with."""

from mi_checks.checks.random_circuits import MAX_RANDOM_CIRCUITS, random_circuits
from mi_checks.engine.nodes import Node

SMALL = [Node(layer, "head", head) for layer in range(2) for head in range(3)]
LARGE = [Node(layer, "head", head) for layer in range(8) for head in range(8)]
MLPS = [Node(layer, "mlp") for layer in range(3)]


def test_all_where_they_are_few():
    found, total = random_circuits(SMALL, SMALL[:2])
    assert total == len(found) == 14
    assert frozenset(SMALL[:2]) not in map(frozenset, found)
    assert len({frozenset(circuit) for circuit in found}) == 14


def test_so_many_where_they_are_many_the_same_each_time():
    found, total = random_circuits(LARGE, LARGE[:5])
    assert len(found) == MAX_RANDOM_CIRCUITS < total == 7624511
    assert len({frozenset(circuit) for circuit in found}) == MAX_RANDOM_CIRCUITS
    assert random_circuits(LARGE, LARGE[:5])[0] == found


def test_as_many_of_each_kind():
    found, total = random_circuits(SMALL + MLPS, [SMALL[0], SMALL[4], MLPS[1]])
    assert total == 15 * 3 - 1
    assert all([node.kind for node in circuit].count("mlp") == 1 and len(circuit) == 3 for circuit in found)
