"""A model against its reference model: what is kept, what has changed, and what is inconclusive."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.compare.baseline_record import recorded_check
from mi_checks.compare.reference_model import VERDICTS, compare_with_reference, reference_message, verdict_lines
from mi_checks.results.claim import Claim
from mi_checks.stats.sampling import independent
from tests.baseline_numbers import NOISE, mediator, result, with_values

SAME = ((mediator("L0H1", 0.6), mediator("L0H2", 0.03)), (mediator("L0H1", 0.4), mediator("L0H2", 0.02)))


def judged(then, now, mediators=None):
    checks = {then.check: recorded_check(then)}, {now.check: recorded_check(now)}
    return compare_with_reference(*checks, mediators, independent(len(now.per_prompt)))


def shifted(by, spread=0.0):
    """The effect of the reference model with that much more on each prompt, give or take."""
    then = result()
    return with_values(then, np.array(then.per_prompt) + by + spread * NOISE[::-1])


@pytest.mark.parametrize("by", [-0.19, 0.0, 0.19])
def test_within_a_tenth_it_is_kept(by):
    found = judged(result(), shifted(by, 0.01))
    assert (found.behaviour, found.verdict, found.outcome) == ("kept", "behaviour kept", "pass")
    assert found.deciding_effect.equivalence_test.margin == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize("by", [-0.3, 0.3])
def test_beyond_a_tenth_it_has_changed_either_way(by):
    found = judged(result(), shifted(by, 0.01))
    assert (found.behaviour, found.outcome) == ("changed", "fail")


def test_what_cannot_be_told_is_not_kept():
    """No difference is found, and one of three tenths could hide in the interval."""
    found = judged(result(), shifted(0, spread=3))
    assert found.deciding_effect.paired_difference.low < -0.2 < 0.2 < found.deciding_effect.paired_difference.high
    assert (found.behaviour, found.verdict, found.outcome) == (
        "inconclusive",
        "behaviour inconclusive",
        "inconclusive",
    )
    assert "prompts would settle it" in reference_message(found, "m", ("1" * 64, "2" * 64))


def test_of_an_effect_next_to_nothing_the_spread_says_what_matters():
    assert judged(result(mean=0.001), shifted(0)).deciding_effect.equivalence_test.margin == pytest.approx(
        0.1, rel=0.05
    )


def test_chance_alone_is_read_as_changed_about_as_often_as_it_says():
    """A difference of exactly what matters is the hardest case of «not more than matters»."""
    draw = np.random.default_rng(2)
    then = result()
    margin = judged(then, then).deciding_effect.equivalence_test.margin
    changed = kept = 0
    for _ in range(300):
        values = np.array(then.per_prompt) + margin + draw.normal(size=256)
        state = judged(then, with_values(then, values)).behaviour
        changed, kept = changed + (state == "changed"), kept + (state == "kept")
    allowed = 0.025 * 300 + 3 * np.sqrt(0.025 * 0.975 * 300)
    assert changed <= allowed
    assert kept <= allowed


def test_shares_may_shift_as_long_as_the_same_heads_mediate():
    found = judged(result(), result(), SAME)
    assert (found.mechanism, found.verdict, found.outcome) == ("kept", "both kept", "pass")
    assert list(found.mediators.stayed) == ["L0H1"]


def test_another_head_is_another_mechanism():
    found = judged(result(), result(), (SAME[0], (mediator("L0H1", 0.02), mediator("L0H2", 0.5))))
    assert (found.mechanism, found.verdict) == ("changed", "behaviour kept by another mechanism")
    assert found.mediators.with_signs == ("−L0H1", "+L0H2")


def test_a_head_that_may_or_may_not_mediate_is_not_told():
    found = judged(result(), result(), ((mediator("L0H1", 0.13),), (mediator("L0H1", 0.11),)))
    assert (found.mechanism, found.outcome) == ("inconclusive", "inconclusive")
    message = reference_message(found, "m", ("1" * 64, "2" * 64))
    assert message.startswith(
        "behaviour kept, mechanism inconclusive: uncertain whether L0H1 mediates in both models\n"
    )


def test_where_no_head_mediates_there_is_no_mechanism():
    found = judged(result(), result(), ((mediator("L0H1", 0.03),), (mediator("L0H1", 0.04),)))
    assert (found.mechanism, found.outcome) == ("not applicable", "pass")


def test_without_an_effect_size_all_are_lost():
    found = judged(result(), shifted(-2, 0.01), (SAME[0], ()))
    assert (found.verdict, list(found.mediators.lost)) == ("both changed", ["L0H1"])


def test_every_pair_of_states_has_a_verdict_of_its_own():
    assert len(set(VERDICTS.values())) == len(VERDICTS) == 3 * 4


def test_the_verdict_is_read_from_the_record():
    found = judged(result(), result(), SAME)
    kept = replace(
        result("base"), kind="base", claim=Claim("reference model", against="nano-attn-2l"), verdict=found.verdict
    )
    broken = replace(kept, claim=None, verdict="", outcome="error", behaviour="cd")
    assert verdict_lines([kept, broken, result()], "m") == ["against m:", "  1 both kept: ab", "  1 not compared: cd"]
    assert verdict_lines([result()], "m") == []
