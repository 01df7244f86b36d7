"""The head of the page: the totals of a run, and the command and settings needed to reproduce it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.output.guard_sentences import refusal_lines, summary_line
from mi_checks.output.multiplicity_text import multiplicity_sentence
from mi_checks.report.behaviour_results import DECLARED, DRIFTED, OUTCOMES, VerdictLabel, is_drift
from mi_checks.results.run import REFERENCE, Run, RunInProgress

# the entries that most often differ between runs
SETUP_KEYS = ("mi-checks", "torch", "engine", "seed", "count", "dtype", "device", "base")


@dataclass(frozen=True)
class ReportHeader:
    """The totals and the provenance of a run."""

    headline: str
    totals: tuple[tuple[int, VerdictLabel], ...]
    started: str
    duration: str
    command: str
    provenance: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    cut_short: str  # how many checks a run completed that was interrupted or is still going on; empty if all ran
    setup: tuple[tuple[str, str], ...]  # versions and settings, shown on one line
    multiplicity: str  # expected false passes, or that all checks were corrected together; may be empty
    omitted: tuple[str, ...]  # sentences about what could not be added to the run's record
    # Counts of verdicts, where a model was compared with its reference model.
    reference_verdicts: tuple[tuple[int, str], ...]


def report_header(run: Run) -> ReportHeader:
    """Build the head of the page."""
    n_declared = sum(result.is_as_declared for result in run.results)
    counts = {
        name: sum(result.outcome == name and not result.is_as_declared for result in run.results) for name in OUTCOMES
    }
    n_drifted = sum(map(is_drift, run.results))
    totals = [(n - n_drifted if name == "fail" else n, OUTCOMES[name]) for name, n in counts.items()]
    if n_drifted:
        totals.insert(2, (n_drifted, DRIFTED))
    if n_declared:
        totals.append((n_declared, DECLARED))
    provenance = [("Versions", run.versions), ("Settings", run.settings)]
    provenance += [
        (f"Model {name}", {**model_provenance, **_guards(run, name)}) for name, model_provenance in run.models.items()
    ]
    return ReportHeader(
        headline=_headline(len(run.results), counts, n_declared),
        totals=tuple(totals),
        started=start_time(run.started),
        duration=numbers.duration(run.seconds),
        command=run.command,
        provenance=tuple((title, tuple(items.items())) for title, items in provenance if items),
        cut_short=_cut_short_sentence(run),
        setup=tuple((key, value) for key, value in {**run.versions, **run.settings}.items() if key in SETUP_KEYS),
        multiplicity=multiplicity_sentence(run.results, run.settings),
        omitted=run.omitted,
        reference_verdicts=_reference_verdicts(run),
    )


def _guards(run: Run, model: str) -> dict[str, str]:
    """Return which guards ran when a model was loaded, and what is refused on it."""
    guards = run.guards.get(model)
    if guards is None:
        return {}
    refused = refusal_lines(guards)
    return {"guards": summary_line(guards), **({"refused": ". ".join(refused)} if refused else {})}


def start_time(started: str) -> str:
    """Format a start time as `2026-01-31 12:00 UTC`; text in another format is returned unchanged."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)?$", r"\1 \2 UTC", started)


def _cut_short_sentence(run: Run) -> str:
    if run.cut_short is None:
        return ""
    ran, planned = run.cut_short
    if isinstance(run, RunInProgress):
        return (
            f"The run was still going on when this page was written: {ran:,} of {planned:,} checks had run, and only "
            "these are in this report. Reload the page: it is renewed while the run goes on."
        )
    return f"The run was cut short: {ran:,} of {planned:,} checks ran, and only these are in this report."


def _reference_verdicts(run: Run) -> tuple[tuple[int, str], ...]:
    verdict_counts = Counter(result.verdict or result.outcome for result in run.results if result.kind == REFERENCE)
    return tuple((n, what) for what, n in verdict_counts.most_common())


def _headline(total: int, counts: dict[str, int], n_declared: int) -> str:
    if not total:
        return "No checks were run."
    if n_declared:
        only = counts["pass"] + n_declared == total
        passed = f"{counts['pass']:,}" if only else f"{counts['pass']:,} of {numbers.count(total, 'check')}"
        return f"{passed} passed, {n_declared:,} inconclusive as declared."
    if counts["pass"] == total:
        return f"{'The one check' if total == 1 else f'All {total:,} checks'} passed."
    return f"{counts['pass']:,} of {numbers.count(total, 'check')} passed."
