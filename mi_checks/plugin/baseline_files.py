"""The baseline files of a run: found when behaviours are collected, compared with, or written when the run ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mi_checks.baselines.baseline_file import baseline_path, orphaned_baselines, read_baseline, write_baseline
from mi_checks.compare.baseline_record import (
    NO_CHECKS,
    baseline_of,
    comparison_blocked,
    environment_differences,
    header_of,
    reason_not_comparable,
)
from mi_checks.errors import MiChecksError
from mi_checks.output.numbers import first_names
from mi_checks.plugin.options import BaselineOptions
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.stats.estimate import Outcome

MAX_NAMED_FILES = 5  # in the terminal summary
Provenance = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class BaselineOutcome:
    """The outcome of a comparison with a baseline.

    Attributes:
        outcome: `fail` if an effect drifted, `error` if the two cannot be compared.
        message: the full message; empty for a pass.
        reason: the most important lines of the message, for the terminal.
        lost: the heads that no longer mediate.
        gained: the heads that mediate now and did not before.
    """

    outcome: Outcome
    message: str = ""
    reason: str = ""
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()


class BaselineFiles:
    """The baseline files that a session reads and writes.

    Attributes:
        failed: why files could not be written or deleted; empty if all could.
    """

    def __init__(self, root: Path, options: BaselineOptions, versions: Mapping[str, str]) -> None:
        self.options = options
        self.failed: list[str] = []
        self._root = root
        self._versions = versions
        self._collected: list[LoadedBehaviour] = []
        # file → behaviour, model, ids of its checks, and the stand-in for the model
        self._to_write: dict[Path, tuple[str, str, list[str], str]] = {}
        self._environments: set[str] = set()
        self._orphans: set[Path] = set()
        self._lines: list[str] = []

    def add_collected(self, behaviours: Iterable[LoadedBehaviour]) -> None:
        """Add the behaviours of a collected file."""
        self._collected += behaviours

    def is_compared(self, loaded: LoadedBehaviour, model: str, checks: Sequence[str], stand_in: str = "") -> bool:
        """Return whether a behaviour is compared with a baseline; schedule the writing of one that is to be recorded.

        Args:
            loaded: the behaviour.
            model: the name of the model in the behaviour's file.
            checks: the ids of all its checks on the model, except roles.
            stand_in: the model that runs under that name, if it is another one; otherwise "".
        """
        if model not in loaded.behaviour.models:  # the file claims nothing about it
            return False
        path = baseline_path(loaded, model)
        exists = path.exists() or path.is_symlink()
        if self.options.update or (self.options.new_only and not exists):
            self._to_write[path] = (loaded.behaviour.name, model, list(checks), stand_in)
            return False
        return exists

    def judge(
        self,
        loaded: LoadedBehaviour,
        model: str,
        results: Mapping[str, CheckResult],
        evidence: Evidence | None,
        provenance: Mapping[str, str] | None,
    ) -> BaselineOutcome:
        """Compare the measurements of a behaviour on a model with its baseline.

        Args:
            loaded: the behaviour.
            model: the name of the model in the behaviour's file.
            results: the results of all checks except roles, by id.
            evidence: the evidence of the behaviour on the model; None if it was not measured.
            provenance: the provenance of the model; None if it was not loaded.
        """
        if self.options.overrides:
            why = f"not compared: {self.options.overrides} measures on different prompts or in another precision"
            return BaselineOutcome("skipped", why)
        blocked = comparison_blocked(results)
        if blocked is not None and blocked[0] == "skipped":
            return BaselineOutcome(*blocked)
        shown = display_path(baseline_path(loaded, model), self._root)
        try:
            then = read_baseline(baseline_path(loaded, model), shown)
        except MiChecksError as error:
            return BaselineOutcome("error", f"invalid: {error}")
        if blocked is not None:
            return BaselineOutcome(*blocked)
        if evidence is None or provenance is None:
            return BaselineOutcome("error", f"not compared: {loaded.behaviour.name} could not be measured")
        now = header_of(evidence, provenance, self._versions)
        why = reason_not_comparable(then.header, now)
        if why:
            return BaselineOutcome("error", f"invalid: {shown}: {why}")
        # Imported late, because it needs numpy and scipy, which collection does without.
        from mi_checks.compare.baseline_drift import (
            compare_with_baseline,
            drift_message,
            drift_reason,
            mismatch_message,
            refusal_message,
        )

        self._environments |= set(environment_differences(then.header, now))
        comparison = compare_with_baseline(then, results, evidence)
        if comparison.drifted:
            message = drift_message(comparison, then.header, now, shown)
            heads = comparison.mediators
            return BaselineOutcome("fail", message, drift_reason(comparison), tuple(heads.lost), tuple(heads.gained))
        if comparison.mismatches:
            return BaselineOutcome("error", mismatch_message(comparison.mismatches, shown))
        if comparison.refused:
            message = refusal_message(comparison, shown)
            return BaselineOutcome("inconclusive", message, message.partition("\n")[0])
        return BaselineOutcome("pass")

    def finish(
        self,
        results: Iterable[CheckResult],
        evidence: Mapping[tuple[str, str], Evidence],
        provenance: Provenance,
    ) -> None:
        """Write the baselines that were measured in full, and report orphaned ones or delete them."""
        self._write(results, evidence, provenance)
        if not self.options.partial:
            self._orphans |= set(orphaned_baselines(self._collected))
            self._prune()
        elif self.options.prune:
            self._lines.append(
                "baselines: --mi-prune does nothing if tests are selected by -k, -m or ids; run it on whole folders"
            )

    def summary(self) -> list[str]:
        """Return the lines about baselines in the terminal summary."""
        recorded = [f"baselines: recorded with {', '.join(sorted(self._environments))}"] if self._environments else []
        return [*recorded, *self._lines, *(f"baselines: {why}" for why in self.failed)]

    def to_wire(self) -> dict[str, Any]:
        """Return what the controller of `pytest -n` needs, which collects nothing itself."""
        orphaned = [] if self.options.partial else orphaned_baselines(self._collected)
        return {
            "to_write": [[str(path), *of] for path, of in self._to_write.items()],
            "orphans": [str(path) for path in orphaned],
            "environments": sorted(self._environments),
        }

    def from_wire(self, wire: Mapping[str, Any]) -> None:
        """Add what a worker has collected and compared."""
        self._to_write |= {Path(path): tuple(of) for path, *of in wire["to_write"]}
        self._orphans |= set(map(Path, wire["orphans"]))
        self._environments |= set(wire["environments"])

    def _write(
        self,
        results: Iterable[CheckResult],
        evidence: Mapping[tuple[str, str], Evidence],
        provenance: Provenance,
    ) -> None:
        ran: dict[tuple[str, str], dict[str, CheckResult]] = {}
        for result in results:
            if result.kind not in NO_CHECKS:
                ran.setdefault((result.behaviour, result.model), {})[result.check] = result
        if self.options.overrides and self._to_write and ran:
            self._lines.append(
                f"baselines: none written, because {self.options.overrides} differs from what the files say; "
                "run without it"
            )
            return
        n_written, n_unchanged, not_written = 0, 0, []
        stand_ins: dict[str, str] = {}
        for path, (behaviour, model, ids, stand_in) in sorted(self._to_write.items()):
            own = ran.get((behaviour, model), {})
            shown = display_path(path, self._root)
            if not own or all(result.outcome == "skipped" for result in own.values()):
                continue  # deselected, or the model is not available
            unmeasured = [name for name, result in own.items() if result.outcome in ("error", "skipped")]
            if set(ids) - set(own):
                not_written.append(f"{shown} not written: {len(own)} of {len(ids)} checks ran; run all of them")
            elif unmeasured or (behaviour, model) not in evidence:
                not_written.append(
                    f"{shown} not written: {unmeasured[0] if unmeasured else behaviour} could not be measured"
                )
            elif not evidence[behaviour, model].mediators_known:
                not_written.append(f"{shown} not written: the mediating heads could not be measured")
            else:
                measured = evidence[behaviour, model]
                header = header_of(measured, provenance[model], self._versions)
                new = baseline_of(header, (own[name] for name in ids), measured.mediators, measured.effect_sizes)
                try:
                    changed = write_baseline(path, new, shown, stand_in)
                except MiChecksError as error:
                    self.failed.append(str(error))
                else:
                    n_written, n_unchanged = n_written + changed, n_unchanged + (not changed)
                    if changed and stand_in:
                        stand_ins[stand_in] = f"{stand_in} (weights {header.weights[:12]}) as {model}"
        if n_written or n_unchanged:
            self._lines.append(f"baselines: {n_written} written, {n_unchanged} up to date")
        self._lines += [f"baselines: recorded {line}" for line in stand_ins.values()]
        self._lines += [f"baselines: {line}" for line in not_written[:MAX_NAMED_FILES]]
        if len(not_written) > MAX_NAMED_FILES:
            self._lines.append(f"baselines: and {len(not_written) - MAX_NAMED_FILES} more not written")

    def _prune(self) -> None:
        if not self._orphans:
            return
        shown_orphans = []
        for path in sorted(self._orphans):
            shown = display_path(path, self._root)
            if self.options.prune:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    self.failed.append(f"{shown}: cannot be deleted: {error.strerror or error}")
                    continue
                _delete_empty_folders(path.parent)
            shown_orphans.append(shown)
        if not shown_orphans:
            return
        files = first_names(shown_orphans, MAX_NAMED_FILES)
        verb, pronoun = ("belongs", "it") if len(shown_orphans) == 1 else ("belong", "them")
        self._lines.append(
            f"baselines: deleted {files}"
            if self.options.prune
            else f"baselines: {files} {verb} to no behaviour or model; delete {pronoun} with --mi-prune"
        )


def _delete_empty_folders(folder: Path) -> None:
    """Delete a folder if it is empty, and then those above it, up to the folder of the baselines."""
    try:
        while folder.parent.name and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    except OSError:
        pass  # an empty folder is harmless
