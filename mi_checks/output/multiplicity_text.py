"""Sentences on many checks in one run: false passes that are to be expected, and the correction for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mi_checks.output import numbers
from mi_checks.output.failure_lines import brief_message
from mi_checks.results.multiplicity import NEAR_BOUND_P_VALUE, near_bound
from mi_checks.results.run import FAMILYWISE, CheckResult

BY_OPTION = "(--mi-familywise)"
FEW_FALSE_PASSES = 0.1  # fewer are not worth a number


def multiplicity_sentence(results: Sequence[CheckResult], settings: Mapping[str, str]) -> str:
    """Return what is to be said of the number of checks: expected false passes, or that all were corrected together.

    Args:
        results: the results of a run.
        settings: the settings of the run.

    Returns:
        One or two sentences; "" if no check passed near its bound.
    """
    if FAMILYWISE in settings:
        return _familywise_sentence(results)
    found = near_bound(results)
    if found is None:
        return ""
    near = "all" if found.near == found.passed else f"{found.near:,}"
    passed = f"{found.passed:,} checks passed, {near} of them near {'its bound' if found.near == 1 else 'their bounds'}"
    if found.passed == 1:
        passed = "1 check passed, near its bound"
    few = found.false_passes < FEW_FALSE_PASSES
    expected = f"fewer than {FEW_FALSE_PASSES}" if few else f"about {found.false_passes:.1f}"
    return (
        f"{passed} (p ≥ {NEAR_BOUND_P_VALUE:.4f}); {expected} false passes are expected among these. "
        "--mi-familywise corrects for all checks together."
    )


def _familywise_sentence(results: Sequence[CheckResult]) -> str:
    tests = sum(each.p_value is not None for each in results)
    changed = sum(each.reason.endswith(BY_OPTION) for each in results)
    if tests == 0:
        return ""
    which = "no outcome changed" if changed == 0 else f"{_checks_that(changed)} inconclusive"
    return f"{numbers.count(tests, 'p-value')} corrected together by Holm's method {BY_OPTION}: {which}."


def _checks_that(changed: int) -> str:
    return "1 check that passes by itself is" if changed == 1 else f"{changed:,} checks that pass by themselves are"


def familywise_result(result: CheckResult, corrected: float, tests: int) -> CheckResult:
    """Return a check that passes by itself as inconclusive, because all checks of the run were corrected together.

    Args:
        result: the pass.
        corrected: its corrected p-value.
        tests: the number of checks with a p-value.
    """
    before = numbers.p_value(1.0 if result.p_value is None else result.p_value)
    after = numbers.p_value(corrected).removeprefix("p = ")
    reason = f"{before}, and {after} after correcting for the {numbers.count(tests, 'check')} of this run {BY_OPTION}"
    measured = "" if result.estimate is None else f"measured {numbers.precise(result.estimate)}, bound {result.bound}"
    changed = replace(result, outcome="inconclusive", reason=reason)
    return replace(changed, message=brief_message(f"inconclusive: {measured or reason}", changed))
