"""A behaviour on a model, measured by a suite → what that model is to its base, recorded or measured likewise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mi_checks.baselines.baseline_file import baseline_path, read_baseline
from mi_checks.compare.baseline_drift import compare, unlike_message
from mi_checks.compare.baseline_record import BaselineHeader, RecordedCheck, header_of, reason_not_comparable, recorded
from mi_checks.compare.reference_model import ReferenceComparison, base_message, base_reason, judge_against
from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import resolve
from mi_checks.models.stand_in_models import check_same_heads
from mi_checks.results.build import ItemId, check_result
from mi_checks.results.claim import Claim
from mi_checks.results.evidence import Effect, Evidence, Mediator
from mi_checks.results.run import BASE, NO_LINE, CheckResult, FileLine
from mi_checks.spec.behaviour import PREFERENCE_KINDS
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour, display_path
from mi_checks.spec.preference_checks import ABSENT
from mi_checks.stats.estimate import Outcome
from mi_checks.suite.suite import CacheCounts, Suite

EFFECT = "effect"  # what is compared where no check of the preference is claimed


@dataclass(frozen=True)
class _Base:
    """What the base measured."""

    told: str
    header: BaselineHeader
    effects: Mapping[str, RecordedCheck]
    mediators: tuple[Mediator, ...]
    effect_sizes: tuple[float, ...]


class ReferenceSuite:
    """Judges the behaviours of a suite's model against a base, which is measured by a suite of its own.

    Of its own, because both go by one name: the base's, under whose claims the model runs.
    """

    def __init__(self, suite: Suite, base: str, root: Path, versions: Mapping[str, str], *, other: bool) -> None:
        """Begin with nothing measured.

        Args:
            suite: what measures the model.
            base: what it is judged against, as `resolve` takes it.
            root: what paths in messages are relative to.
            versions: library → version.
            other: the run is one of other prompts or precision than the files say, so that nothing recorded is used.
        """
        self._suite = suite
        self._own = Suite(suite.settings, suite.progress, suite.store)
        self._base = resolve(base)
        self._versions = versions
        self._root = root
        self._other = other

    def judge(
        self,
        loaded: LoadedBehaviour,
        model: str,
        results: Mapping[str, CheckResult],
        *,
        node_id: str,
        place: FileLine,
        rerun: str,
    ) -> CheckResult:
        """Judge a model against the reference in one behaviour, of which every check was measured on the model.

        Args:
            loaded: the behaviour, which makes a claim of the base.
            model: as the suite was asked for it, to be called by the base's name.
            results: of all its checks but roles, by id.
            node_id: what the result is known by.
            place: file and line, for the message.
            rerun: the command that runs just this again, likewise.
        """
        found: ReferenceComparison | None = None
        outcome: Outcome = "error"
        skipped = [result for result in results.values() if result.outcome == "skipped"]
        errors = [result.check for result in results.values() if result.outcome == "error"]
        if skipped:
            outcome, message = "skipped", f"not judged: {skipped[0].message.splitlines()[0]}"
        elif errors:
            message = f"not judged: {errors[0]} could not be measured"
        else:
            try:
                found, message = self._judged(loaded, model, results)
                outcome = found.outcome
            except MiChecksError as error:
                message = str(error)
        deciding = None if found is None else found.deciding
        identity = ItemId(loaded.behaviour.name, self._base.claims, BASE, BASE, node_id, place)
        result = check_result(
            identity,
            outcome,
            claim=Claim("reference model", against=self._base.name_as_given),
            estimate=None if deciding is None else deciding.change,
            bound=None if deciding is None else deciding.bound,
            message="" if outcome == "pass" else f"{message}\n  claimed   {place}\n  re-run    {rerun}",
        )
        return replace(
            result,
            bound="" if deciding is None else f"within ±{deciding.equivalence.margin:.3g}",
            verdict="" if found is None else found.verdict,
            per_prompt=() if deciding is None else deciding.per_prompt,
            reason="" if outcome == "pass" else _brief(found, message),
            nodes_lost=() if found is None else tuple(found.mediators.lost),
            nodes_gained=() if found is None else tuple(found.mediators.gained),
        )

    def provenance(self) -> dict[str, dict[str, str]]:
        """Of the base, where it was measured."""
        return {f"{name} (base)": facts for name, facts in self._own.provenance().items()}

    @property
    def cache_counts(self) -> CacheCounts:
        """Of what was measured of the base."""
        return self._own.cache_counts

    def _judged(
        self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]
    ) -> tuple[ReferenceComparison, str]:
        """Return the judgement and its whole message.

        Raises:
            MiChecksError: the two cannot be compared, or the base cannot be measured.
        """
        evidence = self._suite.evidence(loaded, model)
        now = header_of(evidence, self._suite.provenance()[self._base.claims], self._versions)
        present = loaded.behaviour.models[self._base.claims] != ABSENT
        checks = loaded.behaviour.checks_for(self._base.claims)
        preference = {check.id: check for check in checks if check.kind in PREFERENCE_KINDS} if present else {}
        if preference and self._is_recorded(loaded):
            base = self._read(loaded, results, evidence, now)
        else:
            base = self._measured(loaded, model, preference, now, swept=present)
        own = {name: _of(evidence.effect) if name == EFFECT else recorded(results[name]) for name in base.effects}
        if present and base.mediators and not evidence.mediators_known:
            raise MiChecksError(f"not judged: which heads mediate in {model} is not known: {evidence.omitted[0]}")
        mediators = (base.mediators, evidence.mediators) if present and base.mediators else None
        sizes = base.effect_sizes, evidence.effect_sizes
        found = judge_against(base.effects, own, mediators, sizes, evidence.logit_diff.unit)
        return found, base_message(found, base.told, (base.header.weights, now.weights))

    def _is_recorded(self, loaded: LoadedBehaviour) -> bool:
        own = self._base.name_as_given == self._base.claims  # NAME=FOLDER is another than what is recorded under NAME
        return own and not self._other and baseline_path(loaded, self._base.claims).exists()

    def _read(
        self, loaded: LoadedBehaviour, results: Mapping[str, CheckResult], evidence: Evidence, now: BaselineHeader
    ) -> _Base:
        path = baseline_path(loaded, self._base.claims)
        shown = display_path(path, self._root)
        try:
            then = read_baseline(path, shown)
        except MiChecksError as error:
            raise MiChecksError(f"invalid: {error}") from None
        self._check_tokenizers(then.header.tokenizer, now.tokenizer)
        why = reason_not_comparable(then.header, now)
        if why:
            raise MiChecksError(f"invalid: {shown}: {why}")
        preference = [name for name, result in results.items() if result.kind in PREFERENCE_KINDS]
        unlike = compare(then, results, evidence).unlike
        unlike = {name: why for name, why in unlike.items() if name in preference}
        if unlike:
            raise MiChecksError(unlike_message(unlike, shown))
        effects = {name: then.checks[name] for name in preference}
        told = f"{self._base.name_as_given}, recorded in {shown}"
        return _Base(told, then.header, effects, then.mediators, then.effect_sizes)

    def _measured(
        self, loaded: LoadedBehaviour, model: str, preference: Mapping[str, Check], now: BaselineHeader, *, swept: bool
    ) -> _Base:
        """Of the base what is compared: these checks, or where there are none its effect, and the model's sweeps."""
        base, own = self._base.name_as_given, self._own
        self._check_tokenizers(own.loaded_models.loaded_model(base).provenance.tokenizer_sha256, now.tokenizer)
        check_same_heads(
            base,
            model,
            (own.loaded_models.loaded_model(base).shape, self._suite.loaded_models.loaded_model(model).shape),
        )
        try:
            measured = own.measurements(loaded, base)
            for sweep in self._suite.measurements(loaded, model).sweeps if swept else ():
                if sweep.nodes[0].kind == "head":
                    layers = tuple(sorted({node.layer for node in sweep.nodes}))
                    every = len(layers) == measured.loaded_model.shape.n_layers
                    measured.sweep("head", None if every else layers, sweep.at)
            results = {
                name: own.check(loaded, base, check, node_id="", place=NO_LINE, rerun="")
                for name, check in preference.items()
            }
            evidence = own.evidence(loaded, base)
        finally:
            own.close(loaded, base)
        effects = {name: recorded(result) for name, result in results.items()} or {EFFECT: _of(evidence.effect)}
        header = header_of(evidence, own.provenance()[self._base.claims], self._versions)
        if header.prompts != now.prompts:
            raise MiChecksError(
                f"not judged: {base} and {model} are measured on other prompts, though their tokenizer is one: their "
                "contexts are not equally long"
            )
        told = f"{base}, measured in this run"
        return _Base(told, header, effects, evidence.mediators, evidence.effect_sizes)

    def _check_tokenizers(self, base: str, model: str) -> None:
        if base != model:
            raise MiChecksError(
                f"not judged: --mi-base {self._base.name_as_given} has another tokenizer ({base[:12]}) than the model "
                f"({model[:12]}), so no prompt is the same in both; judge it against a base of its own tokenizer"
            )


def _brief(found: ReferenceComparison | None, message: str) -> str:
    """Return the most important lines of the message, for the terminal."""
    return message.partition("\n")[2] if found is None else base_reason(found)


def _of(effect: Effect) -> RecordedCheck:
    return RecordedCheck(None, "", effect.estimate, effect.per_prompt)
