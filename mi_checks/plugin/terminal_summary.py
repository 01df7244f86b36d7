"""The last lines of a run in the terminal. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mi_checks.faults.unexpected import traceback_hint
from mi_checks.models.model_names import resolve
from mi_checks.output.guard_sentences import refusal_lines
from mi_checks.output.verdict_table import matrix_lines
from mi_checks.plugin.output_files import OutputFiles, relative
from mi_checks.plugin.session_results import SessionResults

MAX_NOTES = 5  # of what was left out


class TerminalSummary:
    """What the terminal says when a run ends."""

    def __init__(self, gathered: SessionResults, files: OutputFiles) -> None:
        """Speak of this run.

        Args:
            gathered: what was measured.
            files: what was written of it.
        """
        self.options = gathered.options
        self.gathered = gathered
        self.files = files

    def failure_lines(self, width: int) -> list[str]:
        """Return the failures by behaviour and model, each group under its cause."""
        from mi_checks.output.failure_lines import group_lines

        return group_lines(
            self.gathered.results, self.gathered.evidence, relative(self.options.report.page, self.files.root), width
        )

    def summary(self) -> list[str]:
        """Return the last lines of the terminal: behaviours × models, and where the report is."""
        ran: tuple[tuple[str, Callable[[], Sequence[str]]], ...] = (
            ("the table of behaviours and models", lambda: matrix_lines(self.gathered.results)),
            ("the list of warnings", lambda: () if self.options.strict else self.gathered.lints.lines()),
            ("the list of verdicts against the base", self._verdicts),
            ("the count of checks that ran", self._cut_short),
            ("the list of engines", self._engines),
            ("the list of what models refuse", self._refusals),
            ("the count of measurements reused", self._reused),
            ("the summary of roles", self.files.locks.summary),
            ("the summary of baselines", self.files.baselines.summary),
            ("the summary of mutants", self.gathered.mutants.lines),
            ("the list of files", lambda: (*self.files.written, *self.files.unwritten, *self.files.history.summary())),
        )
        parts = (
            ran
            if self.gathered.results
            else (("the summary", lambda: (*self.gathered.mutants.lines(), *self.files.baselines.summary())),)
        )
        lines: list[str] = []
        for what, make in parts:
            lines += self.gathered.omitted.attempt(what, make, ())
        return [*lines, *self._left_out()]

    def ci_lines(self) -> list[str]:
        """Return the annotations for CI, and the tracebacks of errors if `--mi-debug` asks for them."""
        before = len(self.gathered.omitted.sentences)
        what = "the list of annotations for CI"
        lines = self.gathered.omitted.attempt(
            what, lambda: self.files.ci.lines(self.gathered.record(), self.files.left), ()
        )
        return [*lines, *self.gathered.omitted.sentences[before:], *self.gathered.traces.lines()]

    def _refusals(self) -> list[str]:
        """Return what some models refuse because of guards that failed when they were loaded."""
        return [f"{model}: {line}" for model, guards in self.gathered.guards.items() for line in refusal_lines(guards)]

    def _cut_short(self) -> list[str]:
        if len(self.gathered.results) >= len(self.gathered.selected):
            return []
        return [f"cut short: {len(self.gathered.results)} of {len(self.gathered.selected)} checks ran"]

    def _left_out(self) -> list[str]:
        """Return what could not be measured for the report, or added to it; no outcome depends on it."""
        of_evidence = (
            f"{each.behaviour} on {each.model}: {sentence}"
            for each in self.gathered.evidence.values()
            for sentence in each.omitted
        )
        found = [*of_evidence, *self.gathered.omitted.sentences]
        lines = [f"note: {line}" for line in found[:MAX_NOTES]]
        more = [f"note: {len(found) - MAX_NOTES} more parts of the report were left out"] * (len(found) > MAX_NOTES)
        return [*lines, *more, *([f"note: no outcome depends on this; {traceback_hint()}"] if found else [])]

    def _verdicts(self) -> list[str]:
        """Return the verdicts against the reference model."""
        base = self.options.base
        if base is None:
            return []
        from mi_checks.compare.reference_model import verdict_lines  # numpy and scipy, which collecting does without

        none = [f"against {base}: nothing was judged: no behaviour that ran makes a claim of {resolve(base).claims}"]
        return verdict_lines(self.gathered.results, base) or none

    def _engines(self) -> list[str]:
        """Which engine measured; by `auto` a model is left to the reference only if replay does not reproduce it."""
        left = sorted(name for name, model in self.gathered.provenance.items() if model["engine"] == "reference")
        used = {model["engine"] for model in self.gathered.provenance.values()} - {"none"}
        if self.options.engine == "auto" and left:
            others = "replay, but " if "replay" in used else ""
            return [f"engine: {others}reference for {', '.join(left)}, whose logits replay does not reproduce"]
        return [f"engine: {', '.join(sorted(used))}"] if used else []

    def _reused(self) -> list[str]:
        if not self.gathered.reuse["requested"]:
            return []
        return [f"cache: {self.gathered.reuse['cached']} of {self.gathered.reuse['requested']} measurements reused"]
