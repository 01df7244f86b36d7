"""Sentences on checks that a file declares inconclusive: why one is expected, and that one passes nevertheless."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.output.claim_text import claim_text
from mi_checks.output.failure_lines import footer, headline, measured_line
from mi_checks.output.numbers import precise
from mi_checks.output.unit_text import sample_text
from mi_checks.results.run import CheckResult, FileLine

STRICT_REASON = "a declared inconclusive check must not pass, so that no entry outlives its reason"


def expected_reason(result: CheckResult) -> str:
    """Return why a check that is inconclusive, as declared, is so, with its interval and bound, on one line."""
    reason = result.reason.partition("\n")[0]
    return f"declared inconclusive: {headline(result)}{f': {reason}' if reason else ''}"


def unexpected_pass(result: CheckResult, entry: FileLine, rerun: str) -> CheckResult:
    """Return a pass of a check that is declared inconclusive as a failure; any other result is returned unchanged.

    Args:
        result: the result.
        entry: where the file declares it.
        rerun: the command that runs only this check again.
    """
    if result.outcome != "pass" or not result.declared:
        return result
    remedy = "write 'absent' alone" if result.kind == "absent" else "remove it from 'inconclusive'"
    estimate = result.estimate
    measured = "" if estimate is None else f": {precise(estimate)}, {result.bound}"
    lines = [f"fail: declared inconclusive on {result.model}, but it passes{measured}; {remedy} ({entry})"]
    lines += [f"  claim     {claim_text(result.claim)}"] if result.claim else []
    lines += [] if estimate is None else [measured_line(estimate, sample_text(estimate, None), estimate.method)]
    message = "\n".join([*lines, f"  because   {STRICT_REASON}", *footer(result.place, rerun)])
    return replace(result, outcome="fail", message=message, reason=STRICT_REASON)
