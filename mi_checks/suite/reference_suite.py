"""A suite that compares a model with a reference model (`--mi-base`), which is read from baselines or measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mi_checks.baselines.baseline_file import baseline_path, read_baseline
from mi_checks.compare.baseline_drift import find_mismatches, mismatch_message
from mi_checks.compare.baseline_record import (
    BaselineHeader,
    RecordedCheck,
    comparison_blocked,
    header_of,
    reason_not_comparable,
    recorded_check,
)
from mi_checks.compare.reference_model import (
    ReferenceComparison,
    compare_with_reference,
    reference_message,
    reference_reason,
)
from mi_checks.compare.run_pairs import EFFECT
from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.models.stand_in_models import check_same_heads
from mi_checks.output.failure_lines import footer
from mi_checks.results.build import ItemId, check_result
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Effect, Mediator
from mi_checks.results.run import NO_LINE, REFERENCE, CheckResult, FileLine
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.stats.estimate import Outcome
from mi_checks.suite.suite import CacheCounts, Suite


@dataclass(frozen=True)
class _ReferenceMeasurement:
    """The effects of the reference model; `description` says which model it is and where its numbers are from."""

    description: str
    header: BaselineHeader
    effects: Mapping[str, RecordedCheck]
    mediators: tuple[Mediator, ...]
    effect_sizes: tuple[float, ...]


class ReferenceSuite:
    """A suite's model compared with a reference model in each behaviour.

    Both models are known to a suite by the reference model's name, so each needs its own suite.
    """

    def __init__(
        self, suite: Suite, reference: str, root: Path, versions: Mapping[str, str], *, overrides: bool
    ) -> None:
        """Start without measurements.

        Args:
            suite: the suite that measures the model.
            reference: the reference model's name, as written after `--mi-base`.
            root: the folder to which paths in messages are relative.
            versions: the version of each library.
            overrides: whether options change the prompts or the precision, so that baselines cannot be used.
        """
        self._suite = suite
        self._reference_suite = Suite(suite.settings, suite.progress, suite.store)
        self._reference = resolve(reference)
        self._versions = versions
        self._root = root
        self._overrides = overrides

    def judge(
        self,
        loaded: LoadedBehaviour,
        model: str,
        results: Mapping[str, CheckResult],
        *,
        node_id: str,
        claimed_at: FileLine,
        rerun: str,
    ) -> CheckResult:
        """Compare a model with the reference model in one behaviour, after all its checks ran on the model.

        Args:
            loaded: the behaviour; the reference model must be listed in the behaviour file.
            model: the model as the suite knows it, which runs under the reference model's name.
            results: the results of all checks except roles, by id.
            node_id: pytest's id of the item.
            claimed_at: the file and line of the claim, for the message.
            rerun: the command that runs only this item again, for the message.
        """
        comparison: ReferenceComparison | None = None
        outcome: Outcome = "error"
        blocked = comparison_blocked(results)
        if blocked is not None:
            outcome, message = blocked
        else:
            try:
                comparison, message = self._compare(loaded, model, results)
                outcome = comparison.outcome
            except MiChecksError as error:
                message = str(error)
        deciding_effect = None if comparison is None else comparison.deciding_effect
        identity = ItemId(loaded.behaviour.name, self._reference.claims, REFERENCE, REFERENCE, node_id, claimed_at)
        result = check_result(
            identity,
            outcome,
            claim=Claim("reference model", against=self._reference.name_as_given),
            estimate=None if deciding_effect is None else deciding_effect.paired_difference,
            bound=None if deciding_effect is None else deciding_effect.bound,
            message="" if outcome == "pass" else "\n".join([message, *footer(claimed_at, rerun)]),
        )
        return replace(
            result,
            bound="" if deciding_effect is None else f"within ±{deciding_effect.equivalence_test.margin:.3g}",
            verdict="" if comparison is None else comparison.verdict,
            per_prompt=() if deciding_effect is None else deciding_effect.per_prompt,
            reason="" if outcome == "pass" else _brief(comparison, message),
            nodes_lost=() if comparison is None else tuple(comparison.mediators.lost),
            nodes_gained=() if comparison is None else tuple(comparison.mediators.gained),
        )

    def provenance(self) -> dict[str, dict[str, str]]:
        """Return the provenance of the reference model, if it was measured."""
        return {f"{name} (base)": facts for name, facts in self._reference_suite.provenance().items()}

    @property
    def cache_counts(self) -> CacheCounts:
        """The cache counts of the reference model's measurements."""
        return self._reference_suite.cache_counts

    def _compare(
        self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]
    ) -> tuple[ReferenceComparison, str]:
        """Return the comparison and its full message.

        Raises:
            MiChecksError: the two cannot be compared, or the reference model cannot be measured.
        """
        evidence = self._suite.evidence(loaded, model)
        now = header_of(evidence, self._suite.provenance()[self._reference.claims], self._versions)
        claims_behaviour = not loaded.behaviour.is_absent(self._reference.claims)
        checks = loaded.behaviour.checks_for(self._reference.claims) if claims_behaviour else ()
        behavioural_checks = {check.id: check for check in checks if check.kind in BEHAVIOUR_KINDS}
        if behavioural_checks and self._is_recorded(loaded):
            reference = self._read(loaded, results, now)
        else:
            reference = self._measure(loaded, model, behavioural_checks, now, sweep_heads=claims_behaviour)
        effects = {
            name: _recorded_effect(evidence.effect) if name == EFFECT else recorded_check(results[name])
            for name in reference.effects
        }
        if claims_behaviour and reference.mediators and not evidence.mediators_known:
            raise MiChecksError(f"not compared: which heads mediate in {model} is not known: {evidence.omitted[0]}")
        mediators = (reference.mediators, evidence.mediators) if claims_behaviour and reference.mediators else None
        sizes = reference.effect_sizes, evidence.effect_sizes
        comparison = compare_with_reference(
            reference.effects, effects, mediators, evidence.effect.design, sizes, evidence.logit_diff.unit
        )
        return comparison, reference_message(comparison, reference.description, (reference.header.weights, now.weights))

    def _is_recorded(self, loaded: LoadedBehaviour) -> bool:
        # The baseline of NAME was not recorded on the weights of NAME=FOLDER.
        is_itself = self._reference.name_as_given == self._reference.claims
        return is_itself and not self._overrides and baseline_path(loaded, self._reference.claims).exists()

    def _read(
        self, loaded: LoadedBehaviour, results: Mapping[str, CheckResult], now: BaselineHeader
    ) -> _ReferenceMeasurement:
        path = baseline_path(loaded, self._reference.claims)
        shown = display_path(path, self._root)
        try:
            then = read_baseline(path, shown)
        except MiChecksError as error:
            raise MiChecksError(f"invalid: {error}") from None
        self._check_tokenizers(then.header.tokenizer, now.tokenizer)
        why = reason_not_comparable(then.header, now)
        if why:
            raise MiChecksError(f"invalid: {shown}: {why}")
        behavioural_ids = [name for name, result in results.items() if result.kind in BEHAVIOUR_KINDS]
        mismatches = {name: why for name, why in find_mismatches(then, results).items() if name in behavioural_ids}
        if mismatches:
            raise MiChecksError(mismatch_message(mismatches, shown))
        effects = {name: then.checks[name] for name in behavioural_ids}
        description = f"{self._reference.name_as_given}, recorded in {shown}"
        return _ReferenceMeasurement(description, then.header, effects, then.mediators, then.effect_sizes)

    def _measure(
        self,
        loaded: LoadedBehaviour,
        model: str,
        behavioural_checks: Mapping[str, Check],
        now: BaselineHeader,
        *,
        sweep_heads: bool,
    ) -> _ReferenceMeasurement:
        """Measure the reference model: the given checks (or, without any, the effect) and the model's head sweeps."""
        reference, suite = self._reference.name_as_given, self._reference_suite
        self._check_tokenizers(suite.loaded_models.loaded_model(reference).provenance.tokenizer_sha256, now.tokenizer)
        check_same_heads(
            reference,
            model,
            (suite.loaded_models.loaded_model(reference).shape, self._suite.loaded_models.loaded_model(model).shape),
        )
        try:
            measured = suite.measurements(loaded, reference)
            # Mediators are compared only at positions that were swept in both models.
            swept = self._suite.measurements(loaded, model).sweeps if sweep_heads else {}
            for place, sweep in swept.items():
                if place.component != "head":
                    continue
                if sweep.design.n < len(measured.batch):
                    suite.show_sweep(loaded, reference, place)
                else:
                    measured.sweep(*place)
            results = {
                name: suite.check(loaded, reference, check, node_id="", claimed_at=NO_LINE, rerun="")
                for name, check in behavioural_checks.items()
            }
            evidence = suite.evidence(loaded, reference)
        finally:
            suite.close(loaded, reference)
        effects = {name: recorded_check(result) for name, result in results.items()}
        if not effects:
            effects = {EFFECT: _recorded_effect(evidence.effect)}
        header = header_of(evidence, suite.provenance()[self._reference.claims], self._versions)
        if header.prompts != now.prompts:
            raise MiChecksError(
                f"not compared: {reference} and {model} are measured on different prompts, because their context "
                "lengths differ"
            )
        description = f"{reference}, measured in this run"
        return _ReferenceMeasurement(description, header, effects, evidence.mediators, evidence.effect_sizes)

    def _check_tokenizers(self, reference: str, model: str) -> None:
        if reference != model:
            raise MiChecksError(
                f"not compared: --mi-base {self._reference.name_as_given} uses a different tokenizer "
                f"({reference[:12]}) from the model's ({model[:12]}), so no prompt is the same in both; choose a "
                "reference model with the same tokenizer"
            )


def _brief(comparison: ReferenceComparison | None, message: str) -> str:
    """Return the most important lines of the message, for the terminal, which also shows its first line."""
    return message.partition("\n")[2] if comparison is None else reference_reason(comparison)


def _recorded_effect(effect: Effect) -> RecordedCheck:
    return RecordedCheck(None, "", effect.estimate, effect.per_prompt)
