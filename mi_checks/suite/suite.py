"""Behaviours on models, measured on demand: here spec, prompts, engine, checks and results meet.

A suite works without pytest: `Suite(SuiteSettings()).measurements(load_behaviour(path), "nano-attn-2l").sweep("head")`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mi_checks.cache.cache_keys import measurement_key
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements, SweepPlace
from mi_checks.checks.role import check_role
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.engine import Engine
from mi_checks.engine.replay.memory_budget import FreedMemory
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.faults.omissions import Omissions, require_storable
from mi_checks.faults.unexpected import is_not_a_failure, report_traceback
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import PromptBatch
from mi_checks.results.build import ItemId, check_result
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult, FileLine, Lint
from mi_checks.roles.role_binding import RoleBinder, RoleBinding
from mi_checks.roles.role_lock import LockKey, NodeScores
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.model_validation import check_shapes
from mi_checks.spec.problems import SpecError
from mi_checks.spec.roles import RoleCheck
from mi_checks.suite.evidence.circuit_evidence import path_prompts
from mi_checks.suite.evidence.gather import curves, gather, mediators_known, sweep_for_report, with_drawings
from mi_checks.suite.failure_message import explain
from mi_checks.suite.lints import lints
from mi_checks.suite.loaded_models import LoadedModels, SuiteSettings

BehaviourAndModel = tuple[tuple[str, str], str]  # the key of a behaviour, and the name of a model


@dataclass(frozen=True)
class CacheCounts:
    """The number of requested measurements, and how many of them came from the cache."""

    requested: int = 0
    cached: int = 0

    def plus(self, other: CacheCounts | CachedEngine) -> CacheCounts:
        """Return the sum of two counts."""
        return CacheCounts(self.requested + other.requested, self.cached + other.cached)


class Suite:
    """Loads each model once and measures each behaviour on it once."""

    def __init__(
        self, settings: SuiteSettings, progress: Progress = no_progress, store: CacheStore | None = None
    ) -> None:
        """Load nothing yet; with a store, measurements of earlier runs are read from it."""
        self.settings = settings
        self.progress = progress
        self.cache_counts = CacheCounts()
        self.bindings: dict[
            tuple[Path, LockKey], NodeScores
        ] = {}  # by folder and lock key, to be written to the lock files
        self.store = store
        self.loaded_models = LoadedModels(settings, store)
        self._binder = RoleBinder(update=settings.update)
        self._omissions: dict[BehaviourAndModel, Omissions] = {}
        self._engines: dict[str, str] = {}
        self._measurements: dict[BehaviourAndModel, Measurements] = {}
        self._active_engines: dict[BehaviourAndModel, Engine | CachedEngine] = {}
        self._on_few: dict[BehaviourAndModel, tuple[Measurements, Engine | CachedEngine | None]] = {}
        self._freed_memory = FreedMemory()
        self._evidence: dict[BehaviourAndModel, tuple[int, Evidence]] = {}  # with the number of sweeps that it includes

    def check(
        self, loaded: LoadedBehaviour, model: str, check: Check, *, node_id: str, claimed_at: FileLine, rerun: str
    ) -> CheckResult:
        """Return the result of one check.

        Args:
            loaded: the behaviour.
            model: as `mi_checks.models.model_names.resolve` takes it.
            check: one of the behaviour's checks.
            node_id: the id of the result.
            claimed_at: the file and line of the claim, for the failure message.
            rerun: the command that runs only this check again, for the failure message.

        Raises:
            MiChecksError: the model, its prompts or its logits cannot be measured.
        """
        began = time.perf_counter()
        verdict = self.verdict(loaded, model, check)
        measured = None if isinstance(check, RoleCheck) else self.measurements(loaded, model)
        if measured is not None:
            _ = measured.unpatched  # raises if the logits are not numbers, even if the check does not read them
        require_storable("the check's result", (verdict.estimate, verdict.per_prompt))
        message = "" if verdict.outcome == "pass" else _explained(verdict, measured, str(claimed_at), rerun)
        identity = ItemId(
            loaded.behaviour.name,
            self.loaded_models.loaded_model(model).name,
            check.id,
            check.kind,
            node_id,
            claimed_at,
        )
        result = check_result(
            identity,
            verdict.outcome,
            claim=verdict.claim,
            estimate=verdict.estimate,
            bound=verdict.bound,
            message=message,
        )
        return replace(
            result,
            per_prompt=verdict.per_prompt,
            seconds=time.perf_counter() - began,
            prompts_sha256="" if measured is None else measured.batch.sha256,
            p_value=verdict.p_value,
            deciding=verdict.deciding,
            detail=verdict.detail,
            reason=verdict.reason if verdict.outcome != "pass" else "",
            parts=verdict.parts,
            nodes_lost=verdict.lost,
            nodes_gained=verdict.gained,
            declared="" if loaded.behaviour.inconclusive_place(check, identity.model) is None else "inconclusive",
        )

    def verdict(self, loaded: LoadedBehaviour, model: str, check: Check) -> Verdict:
        """Return the verdict of a check on a model.

        Raises:
            MiChecksError: the check cannot be measured.
        """
        if isinstance(check, RoleCheck):
            return self._role(loaded, model, check)
        measured = self.measurements(loaded, model)
        return run_check(check, measured)

    def binding(
        self, loaded: LoadedBehaviour, model: str, check: RoleCheck, weights: Transformer | None = None
    ) -> RoleBinding:
        """Return the nodes that a role is bound to, with the weights of the model or with other ones.

        Raises:
            MiChecksError: the score cannot be computed.
        """
        return self._binder.bind(loaded, check, self.loaded_models.loaded_model(model), weights)

    def _role(self, loaded: LoadedBehaviour, model: str, check: RoleCheck) -> Verdict:
        """Return the verdict on a role: compare its nodes with the lock file or, with `update`, store them for it."""
        loaded_model = self.loaded_models.loaded_model(model)
        binding = self._binder.bind(loaded, check, loaded_model)
        listed = loaded_model.name in loaded.behaviour.models
        update = self.settings.update and listed
        if update and binding.nodes:
            self.bindings[loaded.path.parent, (loaded.behaviour.name, loaded_model.name, check.name)] = binding.nodes
        locked = self._binder.locked(loaded, loaded_model.name).get(check.name)
        return check_role(binding, locked, loaded_model.name, free=update or not listed)

    def engine_of(self, loaded: LoadedBehaviour, model: str) -> Engine:
        """Return the engine of a behaviour on a model, which is made now if the cache had everything so far."""
        self.measurements(loaded, model)
        engine = self._active_engines[loaded.key, model]
        return engine.engine if isinstance(engine, CachedEngine) else engine

    def measurements(self, loaded: LoadedBehaviour, model: str) -> Measurements:
        """Return the measurements of a behaviour on a model, which are made on demand."""
        key = (loaded.key, model)
        if key not in self._measurements:
            loaded_model = self.loaded_models.loaded_model(model)
            outside = check_shapes(loaded, {loaded_model.name: loaded_model.shape})
            if outside:  # the shapes of some models are known only after loading
                raise SpecError(outside)
            batch = self.loaded_models.prompts(loaded, loaded_model)
            engine = self._make_engine(loaded, loaded_model, batch)
            roles = self._binder.nodes(loaded, loaded_model)
            self._active_engines[key] = engine
            self._measurements[key] = Measurements(loaded.behaviour, loaded_model, batch, engine, roles)
        return self._measurements[key]

    def _make_engine(
        self,
        loaded: LoadedBehaviour,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        whole: Engine | CachedEngine | None = None,
    ) -> Engine | CachedEngine:
        """Return an engine for a batch, cached if possible; `whole` is the engine of a batch that begins with it."""

        def engine() -> Engine:
            made = whole.engine if isinstance(whole, CachedEngine) and whole.has_engine else whole
            if isinstance(made, ReplayEngine):
                made = made.with_first_prompts(batch)
            else:
                made = choose_engine(
                    self.settings.engine, loaded_model, batch, self.progress, self.settings.memory, loaded.score
                )
            self._engines[loaded_model.name] = made.name
            return made

        if self.store is None or loaded.score is not None:  # what a project's own score reads is unknown
            return engine()
        return CachedEngine(engine, self.store, measurement_key(loaded_model, batch, self.settings.engine))

    def prompts(self, loaded: LoadedBehaviour, model: str) -> PromptBatch:
        """Return the prompts of a behaviour on a model, drawn on first use."""
        return self.loaded_models.prompts(loaded, self.loaded_models.loaded_model(model))

    def evidence(self, loaded: LoadedBehaviour, model: str) -> Evidence:
        """Return the evidence of a behaviour on a model so far, including the sweeps that a report shows."""
        measured = self.measurements(loaded, model)
        sweep_for_report(measured, lambda: self._few(loaded, model), self._omissions_of(loaded, model))
        return self._gather(loaded, model, measured)

    def show_sweep(self, loaded: LoadedBehaviour, model: str, place: SweepPlace) -> None:
        """Sweep a place on as few prompts as a drawing needs, unless it has already been swept."""
        self.measurements(loaded, model).show_sweep(place, lambda: self._few(loaded, model))

    def _gather(self, loaded: LoadedBehaviour, model: str, measured: Measurements) -> Evidence:
        """Return the evidence, which is gathered again only if there are new sweeps."""
        key, sweeps = (loaded.key, model), len(measured.sweeps)
        if key not in self._evidence or self._evidence[key][0] != sweeps:
            self._evidence[key] = (sweeps, gather(loaded, measured, self._omissions_of(loaded, model)))
        return self._evidence[key][1]

    def _omissions_of(self, loaded: LoadedBehaviour, model: str) -> Omissions:
        """Return what could not be measured for the report of a behaviour on a model."""
        return self._omissions.setdefault((loaded.key, model), Omissions())

    def lints(self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
        """Return the reasons to doubt a behaviour on a model; empty if nothing was measured on it.

        Args:
            loaded: the behaviour.
            model: the model.
            results: the results of the checks that ran, by id.
        """
        measured = self._measurements.get((loaded.key, model))
        return () if measured is None else lints(loaded, measured, results)

    def close(self, loaded: LoadedBehaviour, model: str, *, for_report: bool = False) -> Evidence | None:
        """Free the measurements of a behaviour on a model, whose activations are large, and return the evidence.

        Args:
            loaded: the behaviour.
            model: the model.
            for_report: whether to measure heat maps, circuits and curves for the report too. Parts that cannot be
                measured are left out, and the evidence says so.

        Raises:
            MiChecksError: not even the effect can be measured; the measurements are freed nevertheless.
        """
        key = (loaded.key, model)
        if key not in self._measurements:
            self._omissions.pop(key, None)
            return None
        try:
            return self._finish(loaded, model, for_report=for_report)  # a method, so that no local name keeps an engine
        finally:
            for by_key in (self._measurements, self._active_engines, self._on_few, self._evidence, self._omissions):
                by_key.pop(key, None)
            self._freed_memory.return_if_grown()

    def _finish(self, loaded: LoadedBehaviour, model: str, *, for_report: bool) -> Evidence:
        """Return the evidence of a behaviour on a model, as `close` does, and save the measurements to the cache."""
        key = (loaded.key, model)
        measured, omitted = self._measurements[key], self._omissions_of(loaded, model)
        if for_report:
            sweep_for_report(measured, lambda: self._few(loaded, model), omitted)
        evidence = self._gather(loaded, model, measured)
        if for_report:
            evidence = self._add_drawings(loaded, model, measured, evidence, omitted)
        for engine in (self._active_engines[key], self._on_few.get(key, (None, None))[1]):
            if engine is not None:
                self._save(engine, measured.loaded_model)
        return replace(evidence, omitted=omitted.sentences, mediators_known=mediators_known(omitted))

    def _add_drawings(
        self,
        loaded: LoadedBehaviour,
        model: str,
        measured: Measurements,
        evidence: Evidence,
        omitted: Omissions,
    ) -> Evidence:
        """Return the evidence with curves and, if heads were swept, with a circuit and a map of layers × labels."""
        evidence = replace(evidence, curves=omitted.attempt("the curve of faithfulness", lambda: curves(measured), ()))
        if any(place.component == "head" for place in measured.sweeps):
            with omitted.suppressing("the circuit"):
                evidence = with_drawings(evidence, measured, self._few(loaded, model), omitted)
        return evidence

    def _few(self, loaded: LoadedBehaviour, model: str) -> Measurements:
        """Return the same claims on the few prompts that drawings are measured on, made on first use."""
        key = (loaded.key, model)
        if key not in self._on_few:
            measured = self._measurements[key]
            batch = path_prompts(measured)
            if len(batch) == len(measured.batch):
                self._on_few[key] = measured, None
            else:
                engine = self._make_engine(loaded, measured.loaded_model, batch, self._active_engines[key])
                self._on_few[key] = measured.with_batch(batch).with_engine(engine), engine
        return self._on_few[key][0]

    def _save(self, engine: Engine | CachedEngine, loaded_model: LoadedModel) -> None:
        """Save the measurements to the cache."""
        if not isinstance(engine, CachedEngine):
            return
        engine.add_intervals()
        try:
            engine.save()
        except Exception as error:  # without a cache entry, the next run only takes longer
            if is_not_a_failure(error):
                raise
            report_traceback(f"the measurements of {loaded_model.name} could not be cached", error)
        self._engines[loaded_model.name] = engine.name
        self.cache_counts = self.cache_counts.plus(engine)

    def provenance(self) -> dict[str, dict[str, str]]:
        """Return where each loaded model comes from and which engine measures it, by name."""
        return {
            loaded_model.name: {
                **{key: value for key, value in asdict(loaded_model.provenance).items() if value},
                "engine": self._engines.get(loaded_model.name, "none"),
            }
            for loaded_model in self.loaded_models.loaded.values()
        }


def _explained(verdict: Verdict, measured: Measurements | None, location: str, rerun: str) -> str:
    """Return the message of a check that did not pass, without the parts that cannot be measured."""
    try:
        return explain(verdict, measured, location=location, rerun=rerun)
    except Exception as error:
        if is_not_a_failure(error):
            raise
        omitted = Omissions()
        omitted.add("the rest of the explanation", error)
        return "\n".join((explain(verdict, None, location=location, rerun=rerun), *omitted.sentences))
