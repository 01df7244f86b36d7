"""Tables for a terminal and for Markdown, one-line charts, and the table of verdicts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from mi_checks.results.run import CheckResult

BLOCKS = "▁▂▃▄▅▆▇█"
MAX_SPARKLINE_WIDTH = 40  # characters
SYMBOLS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "error": "!", "skipped": "–"}
WORST_FIRST = ("error", "fail", "inconclusive", "pass", "skipped")


def terminal_table(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> list[str]:
    """Return one line for each row, with columns two spaces apart and as wide as their widest cell.

    Args:
        rows: the cells of each row, the header among them; a row may be shorter than others.
        right: the columns that are aligned to the right; all others are aligned to the left.
    """
    n_columns = max(map(len, rows), default=0)
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(n_columns)]
    return [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ).rstrip()
        for row in rows
    ]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown, with the bars in its cells escaped."""
    return [markdown_row(row) for row in (header, ["---"] * len(header), *rows)]


def markdown_row(cells: Sequence[str]) -> str:
    """Return one row of a table in Markdown, with the bars in its cells escaped."""
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def sparkline(values: Sequence[float | None], *, from_zero: bool = False) -> str:
    """Return a line of block characters such as `▁▃█`, in which an unmeasured value is a blank.

    If there are more values than characters, each character is the mean of several consecutive values.

    Args:
        values: the values.
        from_zero: whether the lowest block stands for zero and below, rather than for the smallest value.
    """
    width = min(MAX_SPARKLINE_WIDTH, len(values))
    edges = [place * len(values) // width for place in range(width + 1)] if width else [0]
    means = [_mean(values[begin:end]) for begin, end in pairwise(edges)]
    if from_zero:
        means = [None if mean is None else max(mean, 0.0) for mean in means]
    measured = [mean for mean in means if mean is not None]
    if not measured:
        return " " * width
    least = 0.0 if from_zero else min(measured)
    span = max(measured) - least
    return "".join(
        " " if mean is None else BLOCKS[round((mean - least) / span * (len(BLOCKS) - 1)) if span else 0]
        for mean in means
    )


def _mean(values: Sequence[float | None]) -> float | None:
    measured = [value for value in values if value is not None]
    return sum(measured) / len(measured) if measured else None


def verdict_table(results: Sequence[CheckResult]) -> list[str]:
    """Return the lines of a table of behaviours × models: the worst outcome, and the number of checks that passed."""
    behaviours = list(dict.fromkeys(result.behaviour for result in results))
    models = sorted({result.model for result in results})
    by_cell: dict[tuple[str, str], list[CheckResult]] = {}
    for result in results:
        by_cell.setdefault((result.behaviour, result.model), []).append(result)
    rows = [["", *models]]
    rows += [[behaviour, *(_cell(by_cell.get((behaviour, model), [])) for model in models)] for behaviour in behaviours]
    skipped = "   – skipped" if any(result.outcome == "skipped" for result in results) else ""
    legend = f"✓ all pass   ✗ a check fails   ? inconclusive   ! error{skipped}   absent: declared and found absent"
    return ["", *terminal_table(rows), legend]


def _cell(results: list[CheckResult]) -> str:
    if not results:
        return "·"
    outcomes = [result.outcome for result in results]
    worst = next(outcome for outcome in WORST_FIRST if outcome in outcomes)
    symbol = SYMBOLS[worst]
    if worst == "skipped":
        return symbol
    if results[0].kind == "absent":
        return f"{symbol} absent"
    return f"{symbol} {outcomes.count('pass')}/{len(outcomes)}"
