"""The sentences on many checks in one run."""

import pytest

from mi_checks.output.multiplicity_text import familywise_result, multiplicity_sentence
from mi_checks.results.run import FAMILYWISE
from tests.made_results import result

HINT = "--mi-familywise corrects for all checks together."


def passes(*p_values):
    return [result(f"logit_diff[{i}]", None, p_value=p, outcome="pass") for i, p in enumerate(p_values)]


@pytest.mark.parametrize(
    ("near", "far", "undecided", "sentence"),
    [
        (1, 0, 0, "1 check passed, near its bound (p ≥ 0.0025); fewer than 0.1 false passes are expected among these."),
        (1, 2, 0, "3 checks passed, 1 of them near its bound (p ≥ 0.0025); fewer than 0.1 false passes"),
        (14, 3088, 41, "3,102 checks passed, 14 of them near their bounds (p ≥ 0.0025); about 1.0 false passes are"),
        (2, 0, 0, "2 checks passed, all of them near their bounds (p ≥ 0.0025)"),
    ],
)
def test_expected_false_passes(near, far, undecided, sentence):
    others = [result(f"o{i}", None, p_value=0.5, outcome="inconclusive") for i in range(undecided)]
    text = multiplicity_sentence([*passes(*([0.01] * near), *([0.0] * far)), *others], {})
    assert text.startswith(sentence)
    assert text.endswith(HINT)


def test_nothing_near_a_bound_is_no_sentence():
    assert multiplicity_sentence(passes(0.0, 0.001), {}) == ""
    assert multiplicity_sentence([], {FAMILYWISE: "on"}) == ""


def test_a_corrected_run():
    p_values = [0.013] * 70
    results = passes(*p_values)
    (changed,) = [familywise_result(results[0], 0.91, 1200)]
    assert changed.outcome == "inconclusive"
    assert changed.reason == "p = 0.013, and 0.91 after correcting for the 1,200 checks of this run (--mi-familywise)"
    assert changed.message.splitlines()[0] == f"inconclusive: {changed.reason}"
    text = multiplicity_sentence([changed, *results[1:]], {FAMILYWISE: "on"})
    assert text == (
        "70 p-values corrected together by Holm's method (--mi-familywise): "
        "1 check that passes by itself is inconclusive."
    )


def test_the_message_says_what_was_measured():
    near = result("logit_diff", [1.0, 1.5, 2.0, 1.2] * 8, at_least=1.0, p_value=0.02)
    lines = familywise_result(near, 0.04, 2).message.splitlines()
    assert lines[0].startswith("inconclusive: measured 1.425 [")
    assert lines[0].endswith("], bound at least 1")
    assert lines[-1] == "  claimed   behaviours/induction.yaml:20"
