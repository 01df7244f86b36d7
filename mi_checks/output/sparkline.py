"""A one-line chart of values over time, made of block characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = "▁▂▃▄▅▆▇█"
MAX_WIDTH = 40  # characters; an upper bound


def sparkline(values: Sequence[float | None]) -> str:
    """Return a line such as `▁▃█`, scaled from the smallest to the largest value; an unmeasured one is a blank.

    If there are more values than characters, each character is the mean of several consecutive values.
    """
    width = min(MAX_WIDTH, len(values))
    edges = [place * len(values) // width for place in range(width + 1)] if width else [0]
    means = [_mean(values[begin:end]) for begin, end in pairwise(edges)]
    there = [mean for mean in means if mean is not None]
    if not there:
        return " " * width
    least, span = min(there), max(there) - min(there)
    return "".join(
        " " if mean is None else BLOCKS[round((mean - least) / span * (len(BLOCKS) - 1)) if span else 0]
        for mean in means
    )


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None
