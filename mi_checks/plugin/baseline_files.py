"""The baselines of one run: found when behaviours are collected, compared with, or written when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mi_checks.baselines.baseline_file import baseline_path, orphans, read_baseline, write_baseline
from mi_checks.compare.baseline_record import (
    NO_CHECKS,
    baseline,
    environment_differences,
    header_of,
    reason_not_comparable,
)
from mi_checks.errors import MiChecksError
from mi_checks.plugin.options import BaselineOptions
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.stats.estimate import Outcome

MAX_NAMED_FILES = 5  # files named at the end of a run
Provenance = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class BaselineOutcome:
    """What the item that compares with a baseline came to.

    Attributes:
        outcome: `fail` where an effect drifted, `error` where it cannot be compared.
        message: in full; empty for a pass.
        reason: its most important lines, for the terminal.
        lost: heads that no longer mediate.
        gained: heads that now do.
    """

    outcome: Outcome
    message: str = ""
    reason: str = ""
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()


class BaselineFiles:
    """What pytest's session asks about baselines.

    Attributes:
        failed: why files could not be written or deleted; empty as long as none was.
    """

    def __init__(self, root: Path, asked: BaselineOptions, versions: Mapping[str, str]) -> None:
        self.asked = asked
        self.failed: list[str] = []
        self._root = root
        self._versions = versions
        self._collected: list[LoadedBehaviour] = []
        self._to_write: dict[
            Path, tuple[str, str, list[str], str]
        ] = {}  # behaviour, model, ids of its checks, stand-in
        self._told: set[str] = set()
        self._orphans: set[Path] = set()
        self._said: list[str] = []

    def collected(self, found: Iterable[LoadedBehaviour]) -> None:
        """Note that a behaviour file was collected."""
        self._collected += found

    def wanted(self, loaded: LoadedBehaviour, model: str, checks: Sequence[str], stand_in: str = "") -> bool:
        """Whether there is one to compare with; where one is to be written instead, that is kept in mind.

        Args:
            loaded: a behaviour.
            model: the name that its file has for the model.
            checks: ids of all its checks there, but roles.
            stand_in: what runs under that name, if it is not the model itself.
        """
        if model not in loaded.behaviour.models:  # no claim is made of it
            return False
        path = baseline_path(loaded, model)
        there = path.exists() or path.is_symlink()
        if self.asked.update or (self.asked.new_only and not there):
            self._to_write[path] = (loaded.behaviour.name, model, list(checks), stand_in)
            return False
        return there

    def judge(
        self,
        loaded: LoadedBehaviour,
        model: str,
        results: Mapping[str, CheckResult],
        evidence: Evidence | None,
        provenance: Mapping[str, str] | None,
    ) -> BaselineOutcome:
        """Compare what was measured with what was recorded.

        An item that drifted fails; one that cannot be compared is an error. Results are those of all checks but roles.
        """
        if self.asked.other:
            why = f"not compared: {self.asked.other} measures on other prompts or in another precision"
            return BaselineOutcome("skipped", why)
        skipped = [result for result in results.values() if result.outcome == "skipped"]
        if skipped:
            return BaselineOutcome("skipped", f"not compared: {skipped[0].message.splitlines()[0]}")
        shown = display_path(baseline_path(loaded, model), self._root)
        try:
            then = read_baseline(baseline_path(loaded, model), shown)
        except MiChecksError as error:
            return BaselineOutcome("error", f"invalid: {error}")
        errors = [result.check for result in results.values() if result.outcome == "error"]
        if errors or evidence is None or provenance is None:
            which = errors[0] if errors else loaded.behaviour.name
            return BaselineOutcome("error", f"not compared: {which} could not be measured")
        now = header_of(evidence, provenance, self._versions)
        why = reason_not_comparable(then.header, now)
        if why:
            return BaselineOutcome("error", f"invalid: {shown}: {why}")
        from mi_checks.compare.baseline_drift import (
            compare,  # numpy and scipy, which collecting does without
            drift_message,
            drift_reason,
            unlike_message,
        )

        self._told |= set(environment_differences(then.header, now))
        found = compare(then, results, evidence)
        if found.drifted:
            message = drift_message(found, then.header, now, shown)
            heads = found.mediators
            return BaselineOutcome("fail", message, drift_reason(found), tuple(heads.lost), tuple(heads.gained))
        if found.unlike:
            return BaselineOutcome("error", unlike_message(found.unlike, shown))
        return BaselineOutcome("pass")

    def finish(
        self,
        results: Iterable[CheckResult],
        evidence: Mapping[tuple[str, str], Evidence],
        provenance: Provenance,
    ) -> None:
        """Write what was measured in full, and tell of orphans or delete them; `failed` says what did not succeed."""
        self._write(results, evidence, provenance)
        if not self.asked.selected:
            self._orphans |= set(orphans(self._collected))
            self._prune()
        elif self.asked.prune:
            self._said.append("baselines: --mi-prune does nothing under -k, -m or ids: run it on whole folders")

    def summary(self) -> list[str]:
        """For the last lines of the terminal."""
        than = [f"baselines: recorded with {', '.join(sorted(self._told))}"] if self._told else []
        return [*than, *self._said, *(f"baselines: {why}" for why in self.failed)]

    def to_wire(self) -> dict[str, Any]:
        """For the controller of `pytest -n`, which collects nothing."""
        gone = [] if self.asked.selected else orphans(self._collected)
        return {
            "to_write": [[str(path), *of] for path, of in self._to_write.items()],
            "orphans": [str(path) for path in gone],
            "told": sorted(self._told),
        }

    def from_wire(self, wire: Mapping[str, Any]) -> None:
        """Take over what a worker knows."""
        self._to_write |= {Path(path): tuple(of) for path, *of in wire["to_write"]}
        self._orphans |= set(map(Path, wire["orphans"]))
        self._told |= set(wire["told"])

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
        if self.asked.other and self._to_write and ran:
            self._said.append(f"baselines: none written: {self.asked.other} is not how the files say it is measured")
            return
        written, same, left = 0, 0, []
        others: dict[str, str] = {}
        for path, (behaviour, model, ids, stand_in) in sorted(self._to_write.items()):
            found = ran.get((behaviour, model), {})
            shown = display_path(path, self._root)
            if not found or all(result.outcome == "skipped" for result in found.values()):
                continue  # deselected, or the model is not here
            broken = [name for name, result in found.items() if result.outcome in ("error", "skipped")]
            if set(ids) - set(found):
                left.append(f"{shown} not written: {len(found)} of {len(ids)} checks ran; select all of them")
            elif broken or (behaviour, model) not in evidence:
                left.append(f"{shown} not written: {broken[0] if broken else behaviour} could not be measured")
            elif not evidence[behaviour, model].knows_mediators:
                left.append(f"{shown} not written: the heads that mediate could not be measured")
            else:
                measured = evidence[behaviour, model]
                header = header_of(measured, provenance[model], self._versions)
                new = baseline(header, (found[name] for name in ids), measured.mediators, measured.effect_sizes)
                try:
                    changed = write_baseline(path, new, shown, stand_in)
                except MiChecksError as error:
                    self.failed.append(str(error))
                else:
                    written, same = written + changed, same + (not changed)
                    if changed and stand_in:
                        others[stand_in] = f"as {model}: {stand_in}, weights {header.weights[:12]}"
        if written or same:
            self._said.append(f"baselines: {written} written, {same} up to date")
        self._said += [f"baselines: recorded {line}" for line in others.values()]
        self._said += [f"baselines: {line}" for line in left[:MAX_NAMED_FILES]]
        if len(left) > MAX_NAMED_FILES:
            self._said.append(f"baselines: and {len(left) - MAX_NAMED_FILES} more not written")

    def _prune(self) -> None:
        if not self._orphans:
            return
        gone = []
        for path in sorted(self._orphans):
            shown = display_path(path, self._root)
            if self.asked.prune:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    self.failed.append(f"{shown}: cannot be deleted: {error.strerror or error}")
                    continue
                _tidy(path.parent)
            gone.append(shown)
        some = ", ".join(gone[:MAX_NAMED_FILES]) + (
            f" and {len(gone) - MAX_NAMED_FILES} more" if len(gone) > MAX_NAMED_FILES else ""
        )
        if gone and self.asked.prune:
            self._said.append(f"baselines: deleted {some}")
        elif gone:
            self._said.append(f"baselines: no behaviour is left of {some}; --mi-prune deletes them")


def _tidy(folder: Path) -> None:
    """Folders that are empty now, up to that of the baselines."""
    try:
        while folder.parent.name and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent
    except OSError:
        pass  # an empty folder does no harm
