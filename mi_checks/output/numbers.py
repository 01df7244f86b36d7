"""Number formatting: a true minus sign, and no more decimals than the interval supports."""

from __future__ import annotations

from mi_checks.stats.estimate import Estimate


def number(value: float, decimals: int = 2) -> str:
    """Format a number with fixed decimals, a true minus sign, and no negative zero."""
    text = f"{value:.{decimals}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if text.strip("-0.") else text[1:]
    return text


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


def exact(estimate: Estimate) -> str:
    """Format an estimate with three decimals, as in messages and drafts: `0.512 [0.480, 0.551]`."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def interval(estimate: Estimate) -> str:
    """Format the interval of an estimate, such as `[2.05, 2.58]`."""
    places = decimals(estimate)
    return f"[{number(estimate.low, places)}, {number(estimate.high, places)}]"


def duration(seconds: float) -> str:
    """Format a duration, such as `0.4 s`, `12 s`, `3 min 4 s` or `1 h 2 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def count(n: int, noun: str) -> str:
    """Format a count with its noun, such as `1 check` or `3 checks`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def signed(estimate: Estimate) -> str:
    """Format a difference with its sign, such as `+2.31`."""
    text = value(estimate)
    return text if text.startswith("−") else f"+{text}"


def p_value(p: float) -> str:
    """Format a p value, such as `p = 0.012` or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
