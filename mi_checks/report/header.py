"""The head of the page: what it came to, and what it takes to run it again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mi_checks.record import Run
from mi_checks.report import numbers
from mi_checks.report.verdict import OUTCOMES, Verdict


@dataclass(frozen=True)
class Header:
    """Totals and provenance."""

    headline: str
    totals: tuple[tuple[int, Verdict], ...]
    started: str
    duration: str
    command: str
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


def header(run: Run) -> Header:
    """Build the head of the page."""
    counts = {name: sum(result.outcome == name for result in run.results) for name in OUTCOMES}
    facts = [("Versions", run.versions), ("Settings", run.settings)]
    facts += [(f"Model {name}", provenance) for name, provenance in run.models.items()]
    return Header(
        headline=_headline(len(run.results), counts),
        totals=tuple((counts[name], OUTCOMES[name]) for name in OUTCOMES),
        started=re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)?$", r"\1 \2 UTC", run.started),
        duration=numbers.duration(run.seconds),
        command=run.command,
        facts=tuple((title, tuple(items.items())) for title, items in facts if items),
    )


def _headline(total: int, counts: dict[str, int]) -> str:
    if not total:
        return "No checks were run."
    if counts["pass"] == total:
        return f"{'The one check' if total == 1 else f'All {total:,} checks'} passed."
    return f"{counts['pass']:,} of {numbers.count(total, 'check')} passed."
