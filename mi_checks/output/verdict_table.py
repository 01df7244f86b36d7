"""The table at the end of the terminal output: behaviours × models."""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.output.tables import terminal_table
from mi_checks.results.run import CheckResult

SYMBOLS = {"pass": "✓", "fail": "✗", "inconclusive": "?", "error": "!", "skipped": "–"}
WORST_FIRST = ("error", "fail", "inconclusive", "pass", "skipped")


def matrix_lines(results: Sequence[CheckResult]) -> list[str]:
    """Return one row per behaviour and one column per model: the worst outcome, and how many checks passed."""
    behaviours = list(dict.fromkeys(result.behaviour for result in results))
    models = sorted({result.model for result in results})
    cells = {
        (behaviour, model): _cell([r for r in results if (r.behaviour, r.model) == (behaviour, model)])
        for behaviour in behaviours
        for model in models
    }
    rows = [["", *models], *([behaviour, *(cells[behaviour, model] for model in models)] for behaviour in behaviours)]
    skipped = "   – skipped" if any(result.outcome == "skipped" for result in results) else ""
    legend = f"✓ all pass   ✗ a check fails   ? inconclusive   ! error{skipped}   absent: declared so, and found so"
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
