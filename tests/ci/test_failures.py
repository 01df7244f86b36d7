"""Which failures come first."""

from mi_checks.ci.failures import failures
from mi_checks.results.run import Mutant, MutantsResult
from tests.effects import around
from tests.made_results import result, run_of


def drift(**given):
    message = "drifted: 2 of 5 effects; mediators −L1H2\n  recorded  behaviours/baselines/induction/m.json"
    return result("baseline", None, **{"outcome": "fail", "message": message, **given})


def survivor():
    mutant = Mutant("what L1H1 writes is zero", "pass", None, "")
    return MutantsResult(
        "induction", "nano-attn-2l", "accuracy", "id", "fail", (mutant,), "fail: 1 of 1 mutants survived", "a.yaml:3"
    )


def test_what_holds_or_was_skipped_is_none():
    run = run_of(result("logit_diff", around(6), at_least=2), result("accuracy", None, outcome="skipped"))
    assert failures(run) == ()


def test_the_worst_are_first():
    run = run_of(
        result("near", around(1.9, 0.01), at_least=2),
        drift(),
        result("unsure", around(2, 1), at_least=2),
        result("far", around(0.1, 0.01), at_least=2),
        result("above", around(4, 0.01), at_most=2),
        result("unmeasured", None, outcome="error"),
        result("role[induction]", None, outcome="fail"),
        mutants=(survivor(),),
    )
    found = failures(run)
    assert [failure.check for failure in found] == [
        *("unmeasured", "role[induction]", "far", "above", "near", "baseline", "accuracy~mutants", "unsure"),
    ]
    assert found[2].excess == (2 - found[2].estimate.value) / 2


def test_a_bound_of_zero_and_nothing_is_no_division_by_zero():
    zero = result("logit_diff", around(0, 0), at_least=0, outcome="inconclusive")
    assert failures(run_of(zero))[0].excess == 0


def test_what_is_inconclusive_as_declared_is_none():
    declared = result("logit_diff", around(2, 1), at_least=2, declared="inconclusive")
    assert declared.outcome == "inconclusive"
    assert failures(run_of(declared)) == ()
