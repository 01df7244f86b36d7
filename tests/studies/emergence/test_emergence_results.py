"""When a role forms, by whom it is carried, and whether that is before a behaviour appears."""

import pytest

from mi_checks.studies.emergence.appearance import Bracket
from mi_checks.studies.emergence.emergence_results import event_order
from tests.studies.emergence.curves import role, small


@pytest.mark.parametrize(
    ("scores", "forms", "disappears"),
    [
        ((0.1, 0.3, 0.9, 0.9, 0.9), Bracket(1, 2), None),
        ((0.5, 0.9, 0.9, 0.9, 0.9), Bracket(None, 0), None),
        ((0.1, 0.2, 0.3, 0.2, 0.1), None, None),
        ((0.1, 0.5, 0.6, 0.2, 0.1), Bracket(0, 1), Bracket(2, 3)),
        ((0.1, 0.5, 0.2, 0.5, 0.9), Bracket(0, 1), None),
    ],
)
def test_a_role_forms_where_it_is_first_bound(scores, forms, disappears):
    found = role("previous_token", *scores)
    assert (found.forms, found.disappears) == (forms, disappears)


def test_it_is_told_whether_the_node_is_that_of_the_end():
    found = role("previous_token", 0.05, 0.3, 0.9, 0.9, 1.0)
    assert found.final_nodes == ("L0H3",)
    assert [(at.node, found.is_led_by_final_node(k)) for k, at in enumerate(found.at)][:2] == [
        ("L1H4", False),
        ("L0H3", True),
    ]
    assert found.tracks == {"L0H3": (0.05, 0.3, 0.9, 0.9, 1.0), "L1H4": (0.1,) * 5}


def test_a_role_that_is_not_bound_at_the_end_is_carried_by_what_scores_highest():
    assert role("previous_token", 0.0, 0.0, 0.0, 0.0, 0.3).final_nodes == ("L0H3",)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (Bracket(0, 1), Bracket(1, 2), "before"),
        (Bracket(None, 0), Bracket(0, 1), "before"),
        (Bracket(2, 3), Bracket(0, 2), "after"),
        (Bracket(1, 2), Bracket(1, 2), "with"),
        (Bracket(None, 0), Bracket(None, 0), "with"),
        (Bracket(1, 2), Bracket(1, 3), "before or with"),
        (Bracket(None, 1), Bracket(0, 1), "before or with"),
        (Bracket(2, 3), Bracket(1, 3), "with or after"),
        (Bracket(0, 3), Bracket(1, 2), "inconclusive"),
    ],
)
def test_which_came_first(one, other, said):
    mirrored = {
        "before": "after",
        "after": "before",
        "before or with": "with or after",
        "with or after": "before or with",
    }
    assert event_order(one, other) == said
    assert event_order(other, one) == mirrored.get(said, said)


def test_a_role_is_put_beside_the_behaviours_it_is_a_role_of():
    (result,) = small().series_results
    assert [(found.role.role, found.behaviour.curve.behaviour, found.order) for found in result.relations] == [
        ("previous_token", "induction_circuit", "before"),
        ("induction", "induction_circuit", "before or with"),
    ]
