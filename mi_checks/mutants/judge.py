"""A check on mutants of the model that it holds on: whether it is red, as it should be."""

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

FEW = 32  # prompts; a mutant is tried first on a quarter of them all, if that is so many


class Mutants:
    """The mutants of one model on the prompts of one behaviour.

    Most are surely red on few prompts already. Only where they are not are they measured on all.
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
            measured: the unmutated model, whose function is trusted.
            engine: gives what measures it.
            role: the verdict on a role in other weights.
            store: where measurements of mutants outlive the run, if anywhere.
        """
        self._measured = measured
        self._role = role
        self._all = Runs(measured, engine, store)
        few = len(measured.batch) // 4
        self._few: Runs | None = None
        if few >= FEW:
            some = replace(measured.batch, pairs=measured.batch.pairs[:few])
            reading = cache(lambda: engine().reading(some))
            self._few = Runs(measured.on(some), reading, store)

    def of(self, check: Check) -> tuple[Mutant, ...]:
        """Every mutant of a check that holds on the unmutated model; none where no mutation of it is known.

        Raises:
            MiChecksError: what must be known of the unmutated model cannot be measured.
        """
        return tuple(self._mutant(check, mutation) for mutation in mutations(check, self._measured))

    def close(self) -> None:
        """Keep what was measured for later runs, and nothing else."""
        for runs in (self._few, self._all):
            if runs is not None:
                runs.close()

    def _mutant(self, check: Check, mutation: Mutation) -> Mutant:
        try:
            return mutant(mutation.words, self._verdict(check, mutation))
        except MiChecksError as error:  # nothing that can be measured is not a pass
            return Mutant(mutation.words, "error", None, str(error))

    def _verdict(self, check: Check, mutation: Mutation) -> Verdict:
        model = trusted(self._measured.subject)
        if model is None:
            raise ValueError(f"{self._measured.subject.name} cannot be mutated")  # see `__init__`
        weights = mutation.applied(model)
        if isinstance(check, RoleCheck):
            return self._role(check, weights)
        if self._few is not None:
            verdict = self._tried(check, mutation, weights, self._few)
            if verdict is not None:
                return verdict
        return self._all.verdict(check, mutation, weights)

    @staticmethod
    def _tried(check: Check, mutation: Mutation, weights: Transformer, few: Runs) -> Verdict | None:
        """The verdict on few prompts where it is sure: something was measured, and all of its interval is beyond."""
        try:
            verdict = few.verdict(check, mutation, weights)
        except MiChecksError:  # perhaps there are too few
            return None
        return verdict if verdict.outcome == "fail" and verdict.estimate is not None else None


def taken_for(measured: Measurements, present: str, engine: Measuring) -> Mutant:
    """The claim that a behaviour is absent, made of a model that has it.

    Args:
        measured: the model for which it is declared absent.
        present: the other one's name.
        engine: measures the other one on the same prompts.
    """
    words = f"{present}, which is declared to have it, stands in its place"
    try:
        return mutant(words, check_absent(measured.by(engine)))
    except MiChecksError as error:
        return Mutant(words, "error", None, str(error))


def mutant(words: str, verdict: Verdict) -> Mutant:
    """What is kept of a verdict on a mutant."""
    return Mutant(words, verdict.outcome, verdict.estimate, verdict.reason.partition("\n")[0])
