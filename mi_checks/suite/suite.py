"""Behaviours × models, measured on demand: the one place where spec, prompts, engine, checks and record meet.

Usable without pytest: `Suite(Settings()).measurements(load_behaviour(path), "nano-attn-2l").sweep("head")`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path

from mi_checks.cache.drawn_prompts import recalled_prompts
from mi_checks.cache.kept_guards import guarded
from mi_checks.cache.key import measurement_key, prompts_key
from mi_checks.cache.recalling import Recalling
from mi_checks.cache.store import Store
from mi_checks.checks.absent import check_absent
from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.role import check_role
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import choose
from mi_checks.engine.engine import Engine, Progress, no_progress
from mi_checks.engine.replay.memory import hand_back, hold_freed
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.faults.omitted import Omitted, refuse_unstorable
from mi_checks.faults.unexpected import SaidBefore, passes_through, placed, tell_traceback
from mi_checks.models.load_model import load
from mi_checks.models.sources.source import NotFetched
from mi_checks.models.subject import ReadsAs, Subject
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build import build_prompts
from mi_checks.results.evidence import HEAD_SWEEP, Evidence
from mi_checks.results.run import CheckResult, GuardResult, Lint, ModelGuards
from mi_checks.roles.binder import Binder
from mi_checks.roles.binding import Binding
from mi_checks.roles.lock import Key, Scores
from mi_checks.spec.behaviour import BEHAVIOURAL
from mi_checks.spec.check import Check
from mi_checks.spec.claimed import ABSENT
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.problems import SpecError
from mi_checks.spec.roles import RoleCheck
from mi_checks.spec.shapes import check_shapes
from mi_checks.suite.evidence.circuit_evidence import few
from mi_checks.suite.evidence.gather import curves, drawn, gather
from mi_checks.suite.failure_message import explain
from mi_checks.suite.lints import lints

SMALLER_MODEL = "use --mi-dtype bfloat16, which takes half as much, or a smaller model"
Pair = tuple[tuple[str, str], str]  # of a behaviour, and a model's name
Drawn = tuple[tuple[str, str], ReadsAs, int | None]  # a behaviour, what its prompts depend on of a model, a count


@dataclass(frozen=True)
class Reuse:
    """How many measurements were asked for, and how many of them an earlier run had made."""

    asked: int = 0
    recalled: int = 0

    def plus(self, other: Reuse | Recalling) -> Reuse:
        """The sum."""
        return Reuse(self.asked + other.asked, self.recalled + other.recalled)


@dataclass(frozen=True)
class Settings:
    """What a run may change without changing a behaviour."""

    count: int | None = None  # prompt pairs; None: as each behaviour says
    seed: int | None = None
    device: str = "auto"
    dtype: str = "float32"
    engine: str = "auto"  # or "replay", "reference"
    memory: int | None = None  # bytes the replay engine may take; None: a quarter of what is free
    update: bool = False  # bind roles anew, whatever they are locked to


class Suite:
    """Loads each model once and measures each behaviour on it once."""

    def __init__(self, settings: Settings, progress: Progress = no_progress, store: Store | None = None) -> None:
        """Begin with nothing loaded; with a store, what an earlier run has measured is recalled from it."""
        self.settings = settings
        self.progress = progress
        self.reuse = Reuse()
        self.bindings: dict[tuple[Path, Key], Scores] = {}  # folder, and what its lock is to say
        self.store = store
        self._binder = Binder(update=settings.update)
        self._subjects: dict[str, Subject] = {}
        self._unloadable: set[str] = set()  # models that could not be loaded, which takes as long each time
        self._omitted: dict[Pair, Omitted] = {}
        self._batches: dict[Drawn, PromptBatch] = {}
        self._undrawn: dict[Drawn, MiChecksError] = {}  # why there are none: drawing takes as long each time
        self._engines: dict[str, str] = {}
        self._measurements: dict[Pair, Measurements] = {}
        self._measuring: dict[Pair, Engine | Recalling] = {}
        hold_freed()
        self._evidence: dict[Pair, tuple[int, Evidence]] = {}  # with how many sweeps it is of

    def check(
        self, loaded: LoadedBehaviour, model: str, check: Check | None, *, node_id: str, location: str, rerun: str
    ) -> CheckResult:
        """Measure and judge one check, or the absence of the behaviour when `check` is None.

        Args:
            loaded: the behaviour.
            model: as `mi_checks.models.names.resolve` takes it.
            check: one of the behaviour's checks, or None.
            node_id: what the result is known by.
            location: file and line of the claim, for the message of a failure.
            rerun: the command that runs just this check again, likewise.

        Raises:
            MiChecksError: the model, its prompts or its logits are not fit to be measured.
        """
        began = time.perf_counter()
        verdict = self.verdict(loaded, model, check)
        measured = None if isinstance(check, RoleCheck) else self.measurements(loaded, model)
        if measured is not None:
            _ = measured.base  # whose logits must be numbers, or nothing holds of the model, whatever the check reads
        if check is not None and measured is not None:
            self._sweep_for_the_report(measured, self._omitted_of(loaded, model))
        refuse_unstorable("the check's result", (verdict.estimate, verdict.per_prompt))
        message = "" if verdict.outcome == "pass" else _explained(verdict, measured, location, rerun)
        return CheckResult(
            behaviour=loaded.behaviour.name,
            model=self.subject(model).name,
            check=ABSENT if check is None else check.id,
            kind=ABSENT if check is None else check.kind,
            node_id=node_id,
            claim=verdict.claim,
            outcome=verdict.outcome,
            estimate=verdict.estimate,
            bound=str(verdict.bound),
            at_least=verdict.bound.at_least,
            at_most=verdict.bound.at_most,
            message=message,
            location=location,
            per_prompt=verdict.per_prompt,
            seconds=time.perf_counter() - began,
            prompts_sha256="" if measured is None else measured.batch.sha256,
            deciding=verdict.deciding,
            detail=verdict.detail,
            reason=verdict.reason if verdict.outcome != "pass" else "",
            parts=verdict.parts,
            nodes_lost=verdict.lost,
            nodes_gained=verdict.gained,
        )

    def verdict(self, loaded: LoadedBehaviour, model: str, check: Check | None) -> Verdict:
        """What a check, or the absence of the behaviour, comes to on a model.

        Raises:
            MiChecksError: as `check`.
        """
        if isinstance(check, RoleCheck):
            return self._role(loaded, model, check)
        measured = self.measurements(loaded, model)
        return check_absent(measured) if check is None else run_check(check, measured)

    def binding(
        self, loaded: LoadedBehaviour, model: str, check: RoleCheck, weights: Transformer | None = None
    ) -> Binding:
        """What a role is bound to now, or would be with other weights.

        Raises:
            MiChecksError: the model cannot be scored.
        """
        return self._binder.bind(loaded, check, self.subject(model), weights)

    def _role(self, loaded: LoadedBehaviour, model: str, check: RoleCheck) -> Verdict:
        """Bind a role and compare it with the lock; with `update` only keep it, for the lock to be written from."""
        subject = self.subject(model)
        binding = self._binder.bind(loaded, check, subject)
        named = subject.name in loaded.behaviour.models
        update = self.settings.update and named
        if update and binding.nodes:
            self.bindings[loaded.path.parent, (loaded.behaviour.name, subject.name, check.name)] = binding.nodes
        locked = self._binder.locked(loaded, subject.name).get(check.name)
        return check_role(binding, locked, subject.name, free=update or not named)

    def engine_of(self, loaded: LoadedBehaviour, model: str) -> Engine:
        """What measures a behaviour on a model: where all was recalled so far, it is made now."""
        self.measurements(loaded, model)
        measuring = self._measuring[loaded.key, model]
        return measuring.engine if isinstance(measuring, Recalling) else measuring

    def measurements(self, loaded: LoadedBehaviour, model: str) -> Measurements:
        """The measurements of a behaviour on a model, begun on first use."""
        key = (loaded.key, model)
        if key not in self._measurements:
            subject = self.subject(model)
            outside = check_shapes(loaded, {subject.name: subject.shape})
            if outside:  # known before only of models whose shape can be read without loading them
                raise SpecError(outside)
            batch = self._prompts(loaded, subject)
            measuring = self._measuring_on(loaded, subject, batch)
            roles = self._binder.nodes(loaded, subject)
            self._measuring[key] = measuring
            self._measurements[key] = Measurements(loaded.behaviour, subject, batch, measuring, roles)
        return self._measurements[key]

    def _measuring_on(
        self, loaded: LoadedBehaviour, subject: Subject, batch: PromptBatch, whole: Engine | Recalling | None = None
    ) -> Engine | Recalling:
        """What measures a batch; `whole` measures one that begins with it."""

        def engine() -> Engine:
            made = whole.engine if isinstance(whole, Recalling) and whole.has_engine else whole
            if isinstance(made, ReplayEngine):
                made = made.of_first(batch)
            else:
                made = choose(self.settings.engine, subject, batch, self.progress, self.settings.memory, loaded.score)
            self._engines[subject.name] = made.name
            return made

        if self.store is None or loaded.score is not None:  # of a project's own score nobody knows what it reads
            return engine()
        return Recalling(engine, self.store, measurement_key(subject, batch, self.settings.engine))

    def prompts(self, loaded: LoadedBehaviour, model: str) -> PromptBatch:
        """The prompts of a behaviour on a model, drawn on first use."""
        return self._prompts(loaded, self.subject(model))

    def _prompts(self, loaded: LoadedBehaviour, subject: Subject) -> PromptBatch:
        count = self.settings.count or loaded.behaviour.pairs_for(subject.name)
        key = (loaded.key, subject.reads_as, count)  # models that read alike share prompts
        if key in self._undrawn:
            raise self._undrawn[key].with_traceback(None)
        if key not in self._batches:
            try:
                self._batches[key] = self._built(loaded, subject, count)
            except MiChecksError as error:
                self._undrawn[key] = error
                raise
        return self._batches[key]

    def _built(self, loaded: LoadedBehaviour, subject: Subject, count: int | None) -> PromptBatch:
        prompts, seed = loaded.behaviour.prompts, self.settings.seed

        def build() -> PromptBatch:
            return build_prompts(
                prompts,
                subject.tokenization,
                behaviour=loaded.behaviour.name,
                count=count,
                seed=seed,
                n_ctx=subject.n_ctx,
            )

        if self.store is None:
            return build()
        key = prompts_key(prompts, subject, count=prompts.pairs if count is None else count, seed=seed)
        return recalled_prompts(self.store, key, subject.tokenization, build)

    def subject(self, model: str) -> Subject:
        """Return a model, loaded on first use.

        Raises:
            SaidBefore: it could not be loaded before, and an error has said why; it is not tried again.
            MiChecksError: it cannot be loaded.
        """
        if model in self._unloadable:
            raise SaidBefore(f"{model} could not be loaded: see the first error")
        if model not in self._subjects:
            try:
                with placed(f"loading {model}", SMALLER_MODEL):
                    loaded = load(model, device=self.settings.device, dtype=self.settings.dtype)
                    self._subjects[model] = guarded(loaded, self.store)
            except NotFetched:  # which is found out at once, and worth saying each time
                raise
            except MiChecksError:
                self._unloadable.add(model)
                raise
        return self._subjects[model]

    def evidence(self, loaded: LoadedBehaviour, model: str, measured: Measurements | None = None) -> Evidence:
        """What a behaviour's measurements on a model amount to so far, gathered once for as many sweeps."""
        measured = self.measurements(loaded, model) if measured is None else measured
        key, sweeps = (loaded.key, model), len(measured.sweeps)
        if key not in self._evidence or self._evidence[key][0] != sweeps:
            self._evidence[key] = (sweeps, gather(loaded, measured, self._omitted_of(loaded, model)))
        return self._evidence[key][1]

    def _omitted_of(self, loaded: LoadedBehaviour, model: str) -> Omitted:
        """What the report wanted of a behaviour on a model and could not have."""
        return self._omitted.setdefault((loaded.key, model), Omitted())

    def lints(self, loaded: LoadedBehaviour, model: str, results: Mapping[str, CheckResult]) -> tuple[Lint, ...]:
        """Return the reasons to doubt a behaviour on a model; none where nothing was measured on it.

        Args:
            loaded: the behaviour.
            model: the model.
            results: of the checks that ran, by id.
        """
        measured = self._measurements.get((loaded.key, model))
        return () if measured is None else lints(loaded, measured, results)

    def close(self, loaded: LoadedBehaviour, model: str, *, drawn: bool = False) -> Evidence | None:
        """Give up a behaviour's measurements on a model (its activations are large) for the evidence they amount to.

        Args:
            loaded: the behaviour.
            model: the model.
            drawn: whether to measure what circuits and curves are drawn from as well. What of it cannot be measured is
                left out, and the evidence says so.

        Raises:
            MiChecksError: not even the effect can be measured; the measurements are given up all the same.
        """
        key = (loaded.key, model)
        measured = self._measurements.pop(key, None)
        if measured is None:
            self._omitted.pop(key, None)
            return None
        measuring = self._measuring.pop(key)
        activations = True
        try:
            evidence = self.evidence(loaded, model, measured)
            omitted = self._omitted_of(loaded, model)
            if drawn:
                evidence = self._drawn(loaded, measured, measuring, evidence, omitted)
            evidence = replace(evidence, omitted=omitted.sentences)
            if isinstance(measuring, Recalling):
                measuring.keep_intervals()
            activations = self._keep(measuring, measured.subject)
        finally:
            self._evidence.pop(key, None)
            self._omitted.pop(key, None)
            del measured, measuring
            if activations:
                hand_back()
        return evidence

    def _drawn(
        self,
        loaded: LoadedBehaviour,
        measured: Measurements,
        by: Engine | Recalling,
        evidence: Evidence,
        omitted: Omitted,
    ) -> Evidence:
        """With curves and, where heads were swept, a circuit and a map of layers × labels."""
        evidence = replace(evidence, curves=omitted.attempt("the curve of faithfulness", lambda: curves(measured), ()))
        if any(sweep.nodes[0].kind == "head" for sweep in measured.sweeps):
            with omitted.unless("the circuit"):
                evidence = self._with_circuit(loaded, measured, by, evidence, omitted)
        return evidence

    def _with_circuit(
        self,
        loaded: LoadedBehaviour,
        measured: Measurements,
        by: Engine | Recalling,
        evidence: Evidence,
        omitted: Omitted,
    ) -> Evidence:
        batch = few(measured)
        if len(batch) == len(measured.batch):
            return drawn(evidence, measured, measured, omitted)
        measuring = self._measuring_on(loaded, measured.subject, batch, by)
        found = drawn(evidence, measured, measured.on(batch).by(measuring), omitted)
        self._keep(measuring, measured.subject)
        return found

    def _keep(self, measuring: Engine | Recalling, subject: Subject) -> bool:
        """Keep what was measured for later runs; whether an engine was made for it."""
        if not isinstance(measuring, Recalling):
            return True
        try:
            measuring.save()
        except Exception as error:  # a cache that is not written costs the next run some time, and this one nothing
            if passes_through(error):
                raise
            tell_traceback(f"the measurements of {subject.name} could not be kept for later runs", error)
        self._engines[subject.name] = measuring.name
        self.reuse = self.reuse.plus(measuring)
        return measuring.has_engine

    def guards(self) -> dict[str, ModelGuards]:
        """Return what was checked of each loaded model, by name."""
        found: dict[str, ModelGuards] = {}
        for subject in self._subjects.values():
            results = tuple(
                GuardResult(one.name, one.error if isfinite(one.error) else None, one.limit, one.refuses, one.reason)
                for one in subject.guards.results
            )
            if results:
                found[subject.name] = ModelGuards(subject.guards.about, results)
        return found

    def provenance(self) -> dict[str, dict[str, str]]:
        """Where each loaded model came from and the engine that measures it, by name."""
        return {
            subject.name: {
                **{key: value for key, value in asdict(subject.provenance).items() if value},
                "engine": self._engines.get(subject.name, "none"),
            }
            for subject in self._subjects.values()
        }

    @staticmethod
    def _sweep_for_the_report(measured: Measurements, omitted: Omitted) -> None:
        """All heads, once for each behaviour that claims anything of nodes: on a large model it takes minutes.

        Where it cannot be done it is left out, and not tried again.
        """
        claims = measured.behaviour.checks_for(measured.subject.name)
        if omitted.has(HEAD_SWEEP) or all(check.kind in BEHAVIOURAL for check in claims):
            return
        with omitted.unless(HEAD_SWEEP):
            if measured.base.gap.mean() > 0 and not any(s.nodes[0].kind == "head" for s in measured.sweeps):
                measured.sweep("head", at=measured.everywhere)


def _explained(verdict: Verdict, measured: Measurements | None, location: str, rerun: str) -> str:
    """The message of a check that did not pass, without what cannot be measured to explain it."""
    try:
        return explain(verdict, measured, location=location, rerun=rerun)
    except Exception as error:
        if passes_through(error):
            raise
        omitted = Omitted()
        omitted.add("the rest of the explanation", error)
        return "\n".join((explain(verdict, None, location=location, rerun=rerun), *omitted.sentences))
