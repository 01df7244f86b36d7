import pytest

from mi_checks.output.claim_text import claim_text


@pytest.mark.parametrize(
    ("bound", "outcome", "reason"),
    [
        (2.0, "pass", ""),
        (4.0, "fail", "the whole interval is outside the bound"),
        (3.01, "inconclusive", "the interval contains the bound; about "),
        (
            3.0,
            "inconclusive",
            "the interval contains the bound; the estimate lies on the bound, so that more prompts would not settle it",
        ),
    ],
)
def test_three_ways(judged, around, bound, outcome, reason):
    verdict = judged({"logit_diff": {"at_least": bound}}, around(3))
    assert verdict.outcome == outcome
    assert verdict.reason.startswith(reason)
    assert bool(verdict.reason) == bool(reason)
    assert claim_text(verdict.claim) == f"the mean logit difference is at least {bound:g}"


def test_how_many_prompts_are_told(judged, around):
    verdict = judged({"logit_diff": {"at_least": 2.8}}, around(3, spread=2))
    count = verdict.reason.split("--mi-count ")[1].removesuffix(")")
    assert verdict.reason == (
        f"the interval contains the bound; about {count} prompts would settle it (--mi-count {count})"
    )
    assert int(count) > 64


def test_an_upper_bound(judged, around):
    assert judged({"logit_diff": {"at_most": 4}}, around(3)).outcome == "pass"
    assert judged({"logit_diff": {"at_least": 1, "at_most": 2}}, around(3)).outcome == "fail"


def test_against_the_corrupt_prompt(judged, around):
    verdict = judged({"logit_diff": {"at_least": 1.5, "against": "corrupt"}}, around(3), around(1, seed=1))
    assert verdict.outcome == "pass"
    assert verdict.estimate.value == pytest.approx(2)
    assert claim_text(verdict.claim) == "the mean logit difference, clean − corrupt, is at least 1.5"


def test_each_prompt_keeps_its_value(judged, around):
    assert judged({"logit_diff": {"at_least": 2}}, around(3)).per_prompt == tuple(around(3))


def test_a_model_has_its_own_bound(judged, around):
    check = {"logit_diff": {"at_least": 2}}
    verdict = judged(check, around(1), entry={"logit_diff": {"at_least": 0.5}})
    assert verdict.outcome == "pass"
    assert str(verdict.bound) == "at least 0.5"
    assert "is at least 0.5" in claim_text(verdict.claim)
    assert judged(check, around(1)).outcome == "fail"
