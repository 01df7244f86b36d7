"""Numbers, estimates, intervals, durations, counts and shortened lists as text, in every output alike.

Minus signs are true minus signs, and an estimate has no more decimals than its interval supports.
"""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.stats.estimate import Estimate

NO_INTERVAL = "(no interval)"
PRECISE_DECIMALS = 3  # of estimates in messages and drafts


def number(value: float, decimals: int | None = 2) -> str:
    """Format a number with a true minus sign and no negative zero.

    Args:
        value: the number.
        decimals: how many decimals to show; None for as few as the number needs, at most six significant digits.
    """
    text = f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if text.strip("-0.") else text[1:]
    return text.replace("e-", "e−")


def signed_number(value: float, decimals: int = 2) -> str:
    """Format a number with its sign, such as `+2.31` or `−0.40`."""
    text = number(value, decimals)
    return text if text.startswith("−") else f"+{text}"


def percent(fraction: float) -> str:
    """Format a fraction as a percentage, such as `2.5 %`."""
    return f"{number(100 * fraction, 1)} %"


def decimals(estimate: Estimate) -> int:
    """Return the number of decimals: 0 for whole numbers of nodes, otherwise 1 to 3 by the width of the interval."""
    ends = (estimate.value, estimate.low, estimate.high)
    if estimate.unit == "nodes" and all(end == round(end) for end in ends):
        return 0
    width = estimate.high - estimate.low
    return 1 if width >= 20 else 3 if 0 < width < 0.02 else 2


def value(estimate: Estimate) -> str:
    """Format an estimate without its interval, such as `2.31`."""
    return number(estimate.value, decimals(estimate))


def signed(estimate: Estimate) -> str:
    """Format an estimate of a difference with its sign and without its interval, such as `+2.31`."""
    return signed_number(estimate.value, decimals(estimate))


def interval(estimate: Estimate) -> str:
    """Format the interval of an estimate, such as `[2.05, 2.58]`, or say that there is none."""
    return _interval(estimate, decimals(estimate))


def estimate_text(estimate: Estimate) -> str:
    """Format an estimate with its interval, such as `2.31 [2.05, 2.58]`."""
    return f"{value(estimate)} {interval(estimate)}"


def signed_text(estimate: Estimate) -> str:
    """Format an estimate of a difference with its sign and its interval, such as `+2.31 [2.05, 2.58]`."""
    return f"{signed(estimate)} {interval(estimate)}"


def precise(estimate: Estimate) -> str:
    """Format an estimate with its interval to three decimals, as in messages and drafts: `0.512 [0.480, 0.551]`."""
    return f"{number(estimate.value, PRECISE_DECIMALS)} {_interval(estimate, PRECISE_DECIMALS)}"


def duration(seconds: float, *, whole: bool = False) -> str:
    """Format a duration, such as `0.4 s`, `12 s`, `3 min 4 s` or `1 h 2 min`.

    Args:
        seconds: the duration.
        whole: whether to round a duration under ten seconds to whole seconds too, as for a rough estimate.
    """
    if seconds < 10 and not whole:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    minutes, rest = divmod(rounded, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(n: int, noun: str) -> str:
    """Format a count with its noun, such as `1 check` or `3 checks`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def p_value(p: float) -> str:
    """Format a p-value, such as `p = 0.012` or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _interval(estimate: Estimate, places: int) -> str:
    if estimate.refusal is not None:
        return NO_INTERVAL
    return f"[{number(estimate.low, places)}, {number(estimate.high, places)}]"


def first_names(names: Sequence[str], most: int) -> str:
    """Return the first names, and how many more there are: `a, b and 3 more`."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
