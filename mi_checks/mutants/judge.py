"""The judgement of a check on mutants of a model on which it passes: whether it fails, as it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from mi_checks.cache.store import Store
from mi_checks.checks.absent import check_absent
from mi_checks.checks.measurements import Measurements, Measuring
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import trusted
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.mutants.choose_mutations import mutations
from mi_checks.mutants.measured import Runs
from mi_checks.mutants.mutation import Mutation
from mi_checks.results.run import Mutant
from mi_checks.spec.check import Check
from mi_checks.spec.roles import RoleCheck

MIN_SUBSET_PROMPTS = 32  # the least number of prompts in the subset, a quarter of all, on which a mutant is tried first


class Mutants:
    """The mutants of one model on the prompts of one behaviour.

    Most mutants fail significantly on a quarter of the prompts. Only the others are measured on all prompts.
    """

    def __init__(
        self,
        measured: Measurements,
        engine: Callable[[], ReplayEngine],
        role: Callable[[RoleCheck, Transformer], Verdict],
        store: Store | None = None,
    ) -> None:
        """Begin with no mutant.

        Args:
            measured: measurements of the unmutated model, which must be one that the replay engine can run.
            engine: returns the engine of the unmutated model.
            role: returns the verdict on a role check of the model with other weights.
            store: the cache for measurements of mutants; None if they should not outlive the run.
        """
        self._measured = measured
        self._role = role
        self._all = Runs(measured, engine, store)
        n_subset = len(measured.batch) // 4
        self._subset_runs: Runs | None = None
        if n_subset >= MIN_SUBSET_PROMPTS:
            subset = replace(measured.batch, pairs=measured.batch.pairs[:n_subset])
            reading = cache(lambda: engine().reading(subset))
            self._subset_runs = Runs(measured.on(subset), reading, store)

    def of(self, check: Check) -> tuple[Mutant, ...]:
        """Return every mutant of a check that passes on the unmutated model; empty if no mutation of it is defined.

        Raises:
            MiChecksError: the choice of mutations needs a measurement of the unmutated model that cannot be made.
        """
        return tuple(self._mutant(check, mutation) for mutation in mutations(check, self._measured))

    def close(self) -> None:
        """Store what was measured for later runs and free the rest."""
        for runs in (self._subset_runs, self._all):
            if runs is not None:
                runs.close()

    def _mutant(self, check: Check, mutation: Mutation) -> Mutant:
        try:
            return mutant(mutation.words, self._verdict(check, mutation))
        except MiChecksError as error:  # a mutant that cannot be measured is not a pass
            return Mutant(mutation.words, "error", None, str(error))

    def _verdict(self, check: Check, mutation: Mutation) -> Verdict:
        model = trusted(self._measured.loaded_model)
        if model is None:
            raise ValueError(f"{self._measured.loaded_model.name} cannot be mutated")  # unreachable, see `__init__`
        weights = mutation.applied(model)
        if isinstance(check, RoleCheck):
            return self._role(check, weights)
        if self._subset_runs is not None:
            verdict = self._verdict_on_subset(check, mutation, weights, self._subset_runs)
            if verdict is not None:
                return verdict
        return self._all.verdict(check, mutation, weights)

    @staticmethod
    def _verdict_on_subset(check: Check, mutation: Mutation, weights: Transformer, runs: Runs) -> Verdict | None:
        """Return the verdict on the subset of prompts if it is a failure with an estimate, otherwise None."""
        try:
            verdict = runs.verdict(check, mutation, weights)
        except MiChecksError:  # the subset may be too small
            return None
        return verdict if verdict.outcome == "fail" and verdict.estimate is not None else None


def taken_for(measured: Measurements, present: str, engine: Measuring) -> Mutant:
    """Return, as a mutant of an absence check, the check's verdict on a model that has the behaviour.

    Args:
        measured: measurements of the model for which the behaviour is declared absent.
        present: the name of the model that has the behaviour.
        engine: measures that model on the same prompts.
    """
    words = f"{present}, which is declared to have it, stands in its place"
    try:
        return mutant(words, check_absent(measured.by(engine)))
    except MiChecksError as error:
        return Mutant(words, "error", None, str(error))


def mutant(words: str, verdict: Verdict) -> Mutant:
    """Return the record of a verdict on a mutant."""
    return Mutant(words, verdict.outcome, verdict.estimate, verdict.reason.partition("\n")[0])
