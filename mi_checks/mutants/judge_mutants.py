"""The verdicts of a check on mutants of a model on which it passes: it should fail on each of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache, partial

from mi_checks.cache.cache_keys import measurement_key
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.cache.code_digest import code_digest
from mi_checks.checks.dispatch import run_check
from mi_checks.checks.logit_diff import check_absent
from mi_checks.checks.measurements import Measurements, MeasurementSource
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.mutants.choose_mutations import mutations_of
from mi_checks.mutants.derived_measurements import ExchangedModel, FirstPrompts, SilentNodesModel
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.mutation_target import nodes_of_check
from mi_checks.mutants.node_mutations import ExchangedHeads
from mi_checks.output.failure_lines import footer
from mi_checks.output.numbers import precise
from mi_checks.results.run import Mutant
from mi_checks.spec.check import Check
from mi_checks.spec.node_checks import AblationCheck, MediatorsCheck, PatchingCheck
from mi_checks.spec.roles import RoleCheck

MUTATION_CODE = ("mutants",)  # packages on which the measurements of mutants depend, besides the measuring code


class MutantRuns:
    """The measurements of mutants on one batch of prompts. Only the latest mutant's activations are kept in memory."""

    def __init__(self, measured: Measurements, engine: Callable[[], ReplayEngine], store: CacheStore | None) -> None:
        """Begin without mutants.

        Args:
            measured: the measurements of the unmutated model on the prompts.
            engine: returns the engine of the unmutated model.
            store: the cache for measurements of mutants; None if they should not outlive the run.
        """
        self._measured = measured
        self._unmutated_engine = engine
        self._store = store
        self._engines: dict[Mutation, CachedEngine] = {}

    def verdict(self, check: Check, mutation: Mutation, weights: Transformer) -> Verdict:
        """Return the verdict on a check of a mutant.

        Raises:
            MiChecksError: the mutant cannot be measured.
        """
        return judge_check(check, self._measured, self._source_of(mutation, weights), weights)

    def close(self) -> None:
        """Save the measurements to the cache and free the rest."""
        for engine in self._engines.values():
            engine.save()
        self._engines.clear()

    def _source_of(self, mutation: Mutation, weights: Transformer) -> MeasurementSource:
        """Return what measures a mutant: its engine, or other measurements from which its own follow."""
        if isinstance(mutation, ExchangedHeads):
            return ExchangedModel(self._measured, mutation, partial(self._engine_of, mutation, weights))
        return SilentNodesModel(mutation, self._engine_of(mutation, weights))

    def _engine_of(self, mutation: Mutation, weights: Transformer) -> CachedEngine:
        for other, engine in self._engines.items():
            if other != mutation:
                engine.release_engine()
        if mutation not in self._engines:
            key = "" if self._store is None else mutant_key(self._measured, mutation)
            self._engines[mutation] = CachedEngine(
                partial(_mutant_engine, self._unmutated_engine, weights, mutation), self._store, key
            )
        return self._engines[mutation]


def mutant_key(measured: Measurements, mutation: Mutation) -> str:
    """Return the cache key of a mutant: a digest of the model's own key, the mutation and the code that makes it."""
    unmutated_key = measurement_key(measured.loaded_model, measured.batch, ReplayEngine.name)
    parts = [unmutated_key, repr(mutation), code_digest(MUTATION_CODE, ())]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def judge_check(check: Check, measured: Measurements, engine: MeasurementSource, weights: Transformer) -> Verdict:
    """Return the verdict on a check of a model with other weights.

    For `mediators`, the claimed nodes are measured first. They alone decide `include`. If `include` fails for them,
    `exactly` fails too, because it claims more and corrects for more tests.
    """
    if isinstance(check, MediatorsCheck):
        included = check.model_copy(update={"exactly": None, "include": check.nodes})
        verdict = run_check(included, measured.with_engine(engine, weights, only=measured.nodes(check.nodes)))
        if check.exactly is None or verdict.outcome != "pass":
            return verdict
    return run_check(check, measured.with_engine(engine, weights))


def _mutant_engine(unmutated: Callable[[], ReplayEngine], weights: Transformer, mutation: Mutation) -> ReplayEngine:
    engine = unmutated()
    return engine.with_weights(weights, mutation.first_changed_layer(engine.model))


MIN_SUBSET_PROMPTS = 32  # the least number of prompts in the subset, a quarter of all, on which a mutant is tried first


class MutantJudge:
    """The mutants of one model on the prompts of one behaviour.

    Most mutants fail significantly on a quarter of the prompts. Only the others are measured on all prompts.
    """

    def __init__(
        self,
        measured: Measurements,
        engine: Callable[[], ReplayEngine],
        role: Callable[[RoleCheck, Transformer], Verdict],
        store: CacheStore | None = None,
    ) -> None:
        """Begin without mutants.

        Args:
            measured: measurements of the unmutated model, which must be one that the replay engine can run.
            engine: returns the engine of the unmutated model.
            role: returns the verdict on a role check of the model with other weights.
            store: the cache for measurements of mutants; None if they should not outlive the run.
        """
        self._measured = measured
        self._role = role
        self._all = MutantRuns(measured, engine, store)
        n_subset = len(measured.batch) // 4
        self._subset_runs: MutantRuns | None = None
        self._subset_engine: CachedEngine | None = None
        if n_subset >= MIN_SUBSET_PROMPTS:
            subset = measured.batch.select(slice(n_subset))
            subset_engine = cache(lambda: engine().with_first_prompts(subset))
            key = "" if store is None else measurement_key(measured.loaded_model, subset, ReplayEngine.name)
            self._subset_engine = CachedEngine(subset_engine, store, key)
            source = FirstPrompts(measured, n_subset, self._subset_engine)
            self._subset_runs = MutantRuns(measured.with_batch(subset).with_engine(source), subset_engine, store)

    def mutants_of(self, check: Check) -> tuple[Mutant, ...]:
        """Return every mutant of a check that passes on the unmutated model, with the check's verdict on it.

        Raises:
            MiChecksError: the choice of mutations needs a measurement of the unmutated model that cannot be made.
        """
        return tuple(self._mutant(check, mutation) for mutation in mutations_of(check, self._measured))

    def close(self) -> None:
        """Save the measurements to the cache and free the rest."""
        for runs in (self._subset_runs, self._all):
            if runs is not None:
                runs.close()
        if self._subset_engine is not None:
            self._subset_engine.save()

    def _mutant(self, check: Check, mutation: Mutation) -> Mutant:
        try:
            return mutant_from_verdict(mutation.description, self._verdict(check, mutation))
        except MiChecksError as error:  # a mutant that cannot be measured is not a pass
            return Mutant(mutation.description, "error", None, str(error))

    def _verdict(self, check: Check, mutation: Mutation) -> Verdict:
        model = replayable_model(self._measured.loaded_model)
        if model is None:
            raise ValueError(f"{self._measured.loaded_model.name} cannot be mutated")  # unreachable, see `__init__`
        weights = mutation.apply(model)
        if isinstance(check, RoleCheck):
            return self._role(check, weights)
        if self._subset_runs is not None:
            verdict = self._verdict_on_subset(check, mutation, weights, self._subset_runs)
            if verdict is not None:
                return verdict
        return self._all.verdict(check, mutation, weights)

    def _verdict_on_subset(
        self, check: Check, mutation: Mutation, weights: Transformer, runs: MutantRuns
    ) -> Verdict | None:
        """Return the verdict on the subset of prompts if it is a failure that holds on all prompts, otherwise None.

        A failure without an estimate, for lack of an effect on the subset, may be none on all prompts, unless nothing
        is recovered there either.
        """
        try:
            verdict = runs.verdict(check, mutation, weights)
        except MiChecksError:  # the subset may be too small
            return None
        holds = verdict.estimate is not None or self._recovers_nothing(check, mutation)
        return verdict if verdict.outcome == "fail" and holds else None

    def _recovers_nothing(self, check: Check, mutation: Mutation) -> bool:
        """Return whether a claim that some fraction is above zero is about nodes that write nothing in a mutant."""
        if not isinstance(check, PatchingCheck | AblationCheck):
            return False
        bound = self._measured.behaviour.bound_for(check, self._measured.loaded_model.name)
        silenced = all(mutation.silences(node) for node in nodes_of_check(check, self._measured))
        return silenced and bound is not None and bound.at_least is not None and bound.at_least > 0


def stand_in_mutant(measured: Measurements, present: str, engine: MeasurementSource) -> Mutant:
    """Return the verdict of an absence check on a model that has the behaviour, as a mutant.

    Args:
        measured: measurements of the model for which the behaviour is declared absent.
        present: the name of the model that has the behaviour.
        engine: measures that model on the same prompts.
    """
    description = f"{present}, which is declared to have the behaviour, takes its place"
    try:
        return mutant_from_verdict(description, check_absent(measured.with_engine(engine)))
    except MiChecksError as error:
        return Mutant(description, "error", None, str(error))


def mutant_from_verdict(description: str, verdict: Verdict) -> Mutant:
    """Return the record of a verdict on a mutant."""
    return Mutant(description, verdict.outcome, verdict.estimate, verdict.reason.partition("\n")[0])


def survivors_message(claim: str, bound: str, mutants: tuple[Mutant, ...], *, location: str, rerun: str) -> str:
    """Return the failure message about the mutants that survived; empty if none did."""
    survivors = [mutant for mutant in mutants if not mutant.killed]
    if not survivors:
        return ""
    lines = [
        f"fail: {len(survivors)} of {len(mutants)} mutants survived; the check still passes if {survivors[0].mutation}",
        f"  claim     {claim}",
        *(f"  survived  {mutant.mutation}: {_measured(mutant)}, bound {bound}" for mutant in survivors),
        *(f"  killed    {mutant.mutation}: {_measured(mutant)}" for mutant in mutants if mutant.killed),
        *footer(location, rerun),
    ]
    return "\n".join(lines)


def _measured(mutant: Mutant) -> str:
    if mutant.estimate is None:
        return mutant.reason.splitlines()[0] if mutant.reason else "nothing measured"
    return f"measured {precise(mutant.estimate)}"
