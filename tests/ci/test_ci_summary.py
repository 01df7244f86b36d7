"""The summary of a run."""

from mi_checks.ci.ci_summary import ci_summary
from mi_checks.results.run import FileLine, Lint
from tests.ci.test_failures import drift, survivor
from tests.effects import around
from tests.made_results import result, run_of

GREEN = result("logit_diff", around(6), at_least=2)


def test_all_passed():
    assert ci_summary(run_of(GREEN, result("accuracy", around(0.9, 0.01), at_least=0.5))) == (
        "✓ **mi-checks: all 2 checks passed**, on 1 behaviour × 1 model, in 1.5 s. Engine: `replay`. "
        "Models: `nano-attn-2l` (weights `aaaaaaaaaaaa`). Command: `pytest`."
    )


def test_what_failed_with_what_was_measured_and_its_bound():
    text = ci_summary(run_of(GREEN, result("patching[induction]", around(0.2, 0.01), at_least=0.5, unit="fraction")))
    assert text.startswith("✗ **mi-checks: 1 of 2 checks passed**, 1 failed, on 1 behaviour × 1 model, in 1.5 s. ")
    assert " Affected: `induction` on `nano-attn-2l`. " in text
    assert " Failed: `patching[induction]` of `induction` on `nano-attn-2l` measured 0.20" in text
    assert " fraction, bound `at least 0.5`. Engine: " in text


def test_the_worst_are_named_and_the_others_counted():
    red = [result(f"c{n}", around(1 - n / 10, 0.001), at_least=2, behaviour=f"b{n}") for n in range(8)]
    text = ci_summary(run_of(*red))
    assert [text.index(f"`c{number}`") for number in (7, 6, 5, 4, 3)] == sorted(
        text.index(f"`c{number}`") for number in range(3, 8)
    )
    assert "; and 3 more. Engine" in text
    assert "`c2`" not in text


def test_case_29_failures_of_one_cause_take_one_place():
    red = [result(f"c{number}", around(1 - number / 10, 0.001), at_least=2, message="fail: so") for number in range(8)]
    text = ci_summary(run_of(*red))
    assert "Failed: `c7` of `induction` on `nano-attn-2l` measured 0.300 [" in text
    assert "bound `at least 2`, and 7 more; likely cause: `c0: so`." in text
    gone = drift(nodes_lost=("L1H2",))
    text = ci_summary(run_of(*red, gone))
    assert "and 7 more; likely cause: `L1H2 no longer mediates (baseline)`." in text


def test_drifts_and_mutants():
    run = run_of(GREEN, drift(), result("baseline", None, model="nano-attn-1l"), mutants=(survivor(),))
    text = ci_summary(run)
    assert "1 of 1 check passed**" in text
    assert (
        "Baselines: 1 of 2 unchanged; drifted: `induction` on `nano-attn-2l`: `2 of 5 effects; mediators −L1H2`."
        in (text)
    )
    assert "Mutants: 0 of 1 killed." in text
    assert "Failed: `accuracy~mutants` of `induction` on `nano-attn-2l`: `fail: 1 of 1 mutants survived`." in text


def test_what_a_model_is_to_its_base():
    verdict = "behaviour kept by another mechanism: mediators −L1H2, +L1H4"
    kept = result("base", None, behaviour="trigram")
    text = ci_summary(run_of(GREEN, kept, result("base", None, outcome="fail", message=verdict)))
    assert text.startswith("✗ **mi-checks: 1 of 1 check passed**")
    assert f"Failed: `base` of `induction` on `nano-attn-2l`: `{verdict}`. " in text
    assert "Reference model: 1 of 2 checks unchanged. " in text


def test_case_31_lints_are_warnings_and_not_red():
    lints = tuple(
        Lint("induction", f"m{number}", "answer", "the answer's first token is not likely", FileLine("a.yaml", 3))
        for number in range(5)
    )
    text = ci_summary(run_of(GREEN, lints=lints))
    assert text.startswith("✓ ")
    assert "Warnings: `induction` on `m0`: `the answer's first token is not likely`; " in text
    assert "; and 2 more. Engine" in text


def test_nothing_ran_and_why():
    text = ci_summary(run_of(), ["behaviours/a.yaml:3:1: unknown key 'x'"])
    assert text == (
        "✗ **mi-checks: no check ran**. Errors: `behaviours/a.yaml:3:1: unknown key 'x'`. Command: `pytest`."
    )


def test_a_run_cut_short_says_so():
    text = ci_summary(run_of(GREEN, selected=7))
    assert ". The run was cut short: 1 of 7 items ran. Engine" in text


def test_names_cannot_make_markdown():
    name = "a`b|c\n# <img src=x>"
    text = ci_summary(run_of(result(name, around(1), at_least=2, behaviour=name, model=name)))
    assert "\n" not in text
    assert "``a`b|c # <img src=x>``" in text
    assert "<img" not in text.replace("``a`b|c # <img src=x>``", "")
