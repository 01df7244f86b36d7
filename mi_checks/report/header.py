"""The head of the page: the totals of a run, and the command and settings needed to reproduce it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.output.guard_sentences import refusal_lines, summary_line
from mi_checks.report.by_behaviour import drifted
from mi_checks.report.outcomes import DRIFTED, OUTCOMES, Verdict
from mi_checks.results.run import BASE, Run

# the entries that most often differ between runs
SETUP = ("mi-checks", "torch", "engine", "seed", "count", "dtype", "device", "base")


@dataclass(frozen=True)
class Header:
    """The totals and the provenance of a run."""

    headline: str
    totals: tuple[tuple[int, Verdict], ...]
    started: str
    duration: str
    command: str
    facts: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    missing: str  # how many checks an interrupted run completed; empty for a complete run
    setup: tuple[tuple[str, str], ...]  # versions and settings, shown on one line
    omitted: tuple[str, ...]  # sentences about what could not be added to the run's record
    against: tuple[tuple[int, str], ...]  # counts of verdicts, where a model was compared with its reference model


def header(run: Run) -> Header:
    """Build the head of the page."""
    counts = {name: sum(result.outcome == name for result in run.results) for name in OUTCOMES}
    drifts = sum(map(drifted, run.results))
    totals = [(n - drifts if name == "fail" else n, OUTCOMES[name]) for name, n in counts.items()]
    if drifts:
        totals.insert(2, (drifts, DRIFTED))
    facts = [("Versions", run.versions), ("Settings", run.settings)]
    facts += [(f"Model {name}", {**provenance, **_guards(run, name)}) for name, provenance in run.models.items()]
    return Header(
        headline=_headline(len(run.results), counts),
        totals=tuple(totals),
        started=moment(run.started),
        duration=numbers.duration(run.seconds),
        command=run.command,
        facts=tuple((title, tuple(items.items())) for title, items in facts if items),
        missing=_missing(run),
        setup=tuple((key, value) for key, value in {**run.versions, **run.settings}.items() if key in SETUP),
        omitted=run.omitted,
        against=_against(run),
    )


def _guards(run: Run, model: str) -> dict[str, str]:
    """Return which guards ran when a model was loaded, and what is refused on it."""
    guards = run.guards.get(model)
    if guards is None:
        return {}
    refused = refusal_lines(guards)
    return {"guards": summary_line(guards), **({"refused": ". ".join(refused)} if refused else {})}


def moment(started: str) -> str:
    """Format a start time as `2026-01-31 12:00 UTC`; text in another format is returned unchanged."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)?$", r"\1 \2 UTC", started)


def _missing(run: Run) -> str:
    if run.cut_short is None:
        return ""
    ran, planned = run.cut_short
    return f"Cut short: {ran:,} of {planned:,} checks ran; the rest is not in this report."


def _against(run: Run) -> tuple[tuple[int, str], ...]:
    verdict_counts = Counter(result.verdict or result.outcome for result in run.results if result.kind == BASE)
    return tuple((n, what) for what, n in verdict_counts.most_common())


def _headline(total: int, counts: dict[str, int]) -> str:
    if not total:
        return "No checks were run."
    if counts["pass"] == total:
        return f"{'The one check' if total == 1 else f'All {total:,} checks'} passed."
    return f"{counts['pass']:,} of {numbers.count(total, 'check')} passed."
