import numpy as np
import pytest

from mi_checks.output.claim_text import claim_text


def check(**more):
    return {"attention": {"nodes": "L1H2", "from": "wide", "to": "A", "at_least": 0.3, **more}}


def test_from_the_last_token_of_one_label_to_all_of_another(judged, pattern):
    """`wide` is tokens 4 and 5, `A` is tokens 1 and 2."""
    entries = {(5, 1): 0.2, (5, 2): 0.3, (5, 3): 0.5, (4, 1): 1.0}
    verdict = judged(check(), np.ones(64), patterns={"L1H2": pattern(entries)})
    assert verdict.estimate.value == pytest.approx(0.5)
    assert verdict.outcome == "pass"
    assert claim_text(verdict.claim) == "L1H2 attends from wide to A with probability at least 0.3"
    assert verdict.estimate.unit == "attention probability"


def test_every_head_must_attend(judged, pattern):
    """Their mean would be 0.4, above the bound."""
    patterns = {"L0H0": pattern({(5, 1): 0.2}), "L1H1": pattern({(5, 2): 0.6})}
    verdict = judged(check(nodes=["L0H0", "L1H1"]), np.ones(64), patterns=patterns)
    assert (verdict.outcome, verdict.estimate.value) == ("fail", pytest.approx(0.2))
    assert claim_text(verdict.claim) == "each of L0H0, L1H1 attends from wide to A with probability at least 0.3"
    assert verdict.deciding == "L0H0"


def test_the_deciding_head_has_the_least_room(judged, pattern):
    patterns = {"L0H0": pattern({(5, 1): 0.7}), "L1H1": pattern({(5, 2): 0.6})}
    verdict = judged(check(nodes=["L0H0", "L1H1"]), np.ones(64), patterns=patterns)
    assert (verdict.outcome, verdict.estimate.value) == ("pass", pytest.approx(0.6))


@pytest.mark.parametrize(("mean", "outcome"), [(0.5, "pass"), (0.3, "inconclusive"), (0.1, "fail")])
def test_three_ways(judged, pattern, around, mean, outcome):
    patterns = {"L1H2": pattern({(5, 1): around(mean, spread=0.1)})}
    assert judged(check(), np.ones(64), patterns=patterns).outcome == outcome


def test_prompts_keep_their_values(judged, pattern, around):
    verdict = judged(check(), np.ones(64), patterns={"L1H2": pattern({(5, 1): around(0.4)})})
    np.testing.assert_allclose(verdict.per_prompt, around(0.4), atol=1e-6)


def test_a_model_has_its_own_bound(judged, pattern):
    patterns = {"L1H2": pattern({(5, 1): 0.1})}
    assert judged(check(), np.ones(64), patterns=patterns).outcome == "fail"
    entry = {"attention[L1H2,wide->A]": {"at_least": 0.05}}
    assert judged(check(), np.ones(64), patterns=patterns, entry=entry).outcome == "pass"


@pytest.mark.parametrize(
    ("places", "why"),
    [
        ({"from": "A", "to": "wide"}, "wide comes after A on every prompt, so no head can attend to it"),
        ({"from": "B", "to": "END"}, "END comes after B on every prompt, so no head can attend to it"),
    ],
)
@pytest.mark.parametrize("bound", [{"at_most": 0.5}, {"at_least": 0.1}])
def test_where_no_head_could_look_no_bound_is_met(judged, pattern, places, why, bound):
    check = {"attention": {"nodes": "L1H2", **places, **bound}}
    verdict = judged(check, np.ones(64), patterns={"L1H2": pattern({})})
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    assert verdict.reason == f"the check tests nothing: {why}"


@pytest.mark.parametrize("bound", [{"at_least": 0.9}, {"at_most": 0.5}])
def test_where_every_head_must_look_no_bound_is_met(judged, pattern, monkeypatch, bound):
    """The first token can look at itself alone."""
    from tests.checks import conftest

    monkeypatch.setitem(conftest.LABELS, "first", (0,))
    check = {"attention": {"nodes": "L1H2", "from": "first", "to": "first", **bound}}
    verdict = judged(check, np.ones(64), patterns={"L1H2": pattern({(0, 0): 1.0})})
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    assert (
        verdict.reason
        == "the check tests nothing: first is everything that a head can attend to from first on every prompt"
    )
