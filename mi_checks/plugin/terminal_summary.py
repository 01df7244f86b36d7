"""The last lines of a run in the terminal. Light to import."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mi_checks.faults.unexpected import traceback_hint
from mi_checks.models.model_names import resolve
from mi_checks.output.guard_sentences import refusal_lines
from mi_checks.output.tables import verdict_table
from mi_checks.plugin.output_files import OutputFiles, relative
from mi_checks.plugin.session_results import SessionResults
from mi_checks.results.run import FAMILYWISE

MAX_NOTES = 5  # lines about parts of the report that were left out


class TerminalSummary:
    """The summary that the terminal shows when a run ends."""

    def __init__(self, session_results: SessionResults, files: OutputFiles) -> None:
        """Summarise a run.

        Args:
            session_results: the results of the run.
            files: the files that were written.
        """
        self.options = session_results.options
        self.session_results = session_results
        self.files = files

    def failure_lines(self, width: int) -> list[str]:
        """Return the failures by behaviour and model, each group under its cause."""
        from mi_checks.output.failure_lines import failure_summary

        return failure_summary(
            self.session_results.results,
            self.session_results.evidence,
            relative(self.options.report.page, self.files.root),
            width,
        )

    def summary(self) -> list[str]:
        """Return the lines of the summary: the table of behaviours and models, and where the report is."""
        sections: tuple[tuple[str, Callable[[], Sequence[str]]], ...] = (
            ("the table of behaviours and models", lambda: verdict_table(self.session_results.results)),
            ("the count of passes near their bounds", self._multiplicity),
            ("the list of warnings", lambda: () if self.options.strict else self.session_results.lints.lines()),
            ("the list of verdicts against the reference model", self._verdicts),
            ("the count of checks that ran", self._cut_short),
            ("the list of engines", self._engines),
            ("the list of failed guards", self._refusals),
            ("the count of results and measurements reused", self._reused),
            ("the summary of roles", self.files.locks.summary),
            ("the summary of baselines", self.files.baselines.summary),
            ("the summary of mutants", self.session_results.mutants.lines),
            ("the list of files", lambda: (*self.files.written, *self.files.unwritten, *self.files.history.summary())),
        )
        parts = (
            sections
            if self.session_results.results
            else (("the summary", lambda: (*self.session_results.mutants.lines(), *self.files.baselines.summary())),)
        )
        lines: list[str] = []
        for what, make in parts:
            lines += self.session_results.omitted.attempt(what, make, ())
        return [*lines, *self._left_out()]

    def ci_lines(self) -> list[str]:
        """Return the annotations for CI, and the tracebacks of errors if `--mi-debug` asks for them."""
        before = len(self.session_results.omitted.sentences)
        what = "the list of annotations for CI"
        lines = self.session_results.omitted.attempt(
            what, lambda: self.files.ci.lines(self.session_results.record(), self.files.failures), ()
        )
        return [*lines, *self.session_results.omitted.sentences[before:], *self.session_results.traces.lines()]

    def _refusals(self) -> list[str]:
        """Return what cannot be measured on some models, because guards failed when they were loaded."""
        return [
            f"{model}: {line}"
            for model, guards in self.session_results.guards.items()
            for line in refusal_lines(guards)
        ]

    def _multiplicity(self) -> list[str]:
        """Return how many false passes are expected, or that all checks were corrected together."""
        from mi_checks.output.multiplicity_text import multiplicity_sentence  # it needs numpy and scipy

        settings = {FAMILYWISE: ""} if self.options.familywise else {}
        sentence = multiplicity_sentence(self.session_results.results, settings)
        return [sentence] if sentence else []

    def _cut_short(self) -> list[str]:
        if len(self.session_results.results) >= len(self.session_results.selected):
            return []
        return [f"cut short: {len(self.session_results.results)} of {len(self.session_results.selected)} checks ran"]

    def _left_out(self) -> list[str]:
        """Return which parts of the report were left out, and why; no outcome depends on them."""
        of_evidence = (
            f"{each.behaviour} on {each.model}: {sentence}"
            for each in self.session_results.evidence.values()
            for sentence in each.omitted
        )
        sentences = [*of_evidence, *self.session_results.omitted.sentences]
        lines = [f"note: {line}" for line in sentences[:MAX_NOTES]]
        more = [f"note: {len(sentences) - MAX_NOTES} more parts of the report were left out"] * (
            len(sentences) > MAX_NOTES
        )
        return [*lines, *more, *([f"note: no outcome depends on this; {traceback_hint()}"] if sentences else [])]

    def _verdicts(self) -> list[str]:
        """Return the verdicts against the reference model."""
        reference = self.options.reference_model
        if reference is None:
            return []
        # Imported late, because it needs numpy and scipy, which collection does without.
        from mi_checks.compare.reference_model import verdict_lines

        claims = resolve(reference).claims
        nothing = [f"against {reference}: nothing was compared, because no behaviour that ran lists {claims}"]
        return verdict_lines(self.session_results.results, reference) or nothing

    def _engines(self) -> list[str]:
        """Return which engines measured; `auto` uses the reference engine if replay does not reproduce the logits."""
        by_reference = sorted(
            name for name, model in self.session_results.provenance.items() if model["engine"] == "reference"
        )
        used = {model["engine"] for model in self.session_results.provenance.values()} - {"none"}
        if self.options.engine == "auto" and by_reference:
            others = "replay, but " if "replay" in used else ""
            return [f"engine: {others}reference for {', '.join(by_reference)}, whose logits replay does not reproduce"]
        return [f"engine: {', '.join(sorted(used))}"] if used else []

    def _reused(self) -> list[str]:
        """Return how many results, and how many of the measurements for the others, are those of earlier runs."""
        results, measurements = self.session_results.result_counts, self.session_results.cache_counts
        counts = [f"{results['cached']} of {results['requested']} results"] if results["cached"] else []
        if measurements["requested"]:
            counts.append(f"{measurements['cached']} of {measurements['requested']} measurements")
        return [f"cache: {' and '.join(counts)} reused"] if counts else []
