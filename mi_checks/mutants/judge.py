"""A check on mutants of the model that it holds on: what it measures there, and whether it is red."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial

from mi_checks.checks.absent import check_absent
from mi_checks.checks.measurements import Measurements, Measuring
from mi_checks.checks.run import run_check
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose import trusted
from mi_checks.engine.replay import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.mutants.choose import mutations
from mi_checks.mutants.mutation import Mutation
from mi_checks.recall.key import code, measurement_key
from mi_checks.recall.recalling import Recalling
from mi_checks.recall.store import Store
from mi_checks.record import Mutant
from mi_checks.spec.check import Check
from mi_checks.spec.node_checks import Mediators
from mi_checks.spec.roles import RoleCheck


class Mutants:
    """The mutants of one model on the prompts of one behaviour.

    What is measured on each is kept for all checks that want it; the runs behind that are large, and kept of one alone.
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
        self._engine = engine
        self._role = role
        self._store = store
        self._made: dict[Mutation, Recalling] = {}

    def of(self, check: Check) -> tuple[Mutant, ...]:
        """Every mutant of a check that holds on the unmutated model; none where no mutation of it is known.

        Raises:
            MiChecksError: what must be known of the unmutated model cannot be measured.
        """
        return tuple(self._mutant(check, mutation) for mutation in mutations(check, self._measured))

    def close(self) -> None:
        """Keep what was measured for later runs, and nothing else."""
        for measuring in self._made.values():
            measuring.save()
        self._made.clear()

    def _mutant(self, check: Check, mutation: Mutation) -> Mutant:
        try:
            verdict = self._verdict(check, mutation)
        except MiChecksError as error:  # nothing that can be measured is not a pass
            return Mutant(mutation.words, "error", None, str(error))
        return mutant(mutation.words, verdict)

    def _verdict(self, check: Check, mutation: Mutation) -> Verdict:
        model = trusted(self._measured.subject)
        if model is None:
            raise ValueError(f"{self._measured.subject.name} cannot be mutated")  # see `__init__`
        weights = mutation.applied(model)
        if isinstance(check, RoleCheck):
            return self._role(check, weights)
        return judged(check, self._measured, self._measuring(mutation, weights), weights)

    def _measuring(self, mutation: Mutation, weights: Transformer) -> Recalling:
        for other, measuring in self._made.items():
            if other != mutation:
                measuring.give_up_engine()
        if mutation not in self._made:
            key = "" if self._store is None else mutant_key(self._measured, mutation)
            self._made[mutation] = Recalling(partial(_replaying, self._engine, weights, mutation), self._store, key)
        return self._made[mutation]


def mutant_key(measured: Measurements, mutation: Mutation) -> str:
    """What the measurements of a mutant are kept under: that of the model, the mutation, and the code that makes it."""
    own = measurement_key(measured.subject, measured.batch, ReplayEngine.name)
    about = [own, repr(mutation), code(("mutants",), ())]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def judged(check: Check, measured: Measurements, engine: Measuring, weights: Transformer) -> Verdict:
    """The verdict on a check of a model with other weights.

    Of `mediators` the claimed nodes are measured first. They alone decide what `include` says, and where that does not
    hold `exactly` these does not either: it asks for more, and corrects for more.
    """
    if isinstance(check, Mediators):
        included = check.model_copy(update={"exactly": None, "include": check.nodes})
        verdict = run_check(included, measured.by(engine, weights, only=measured.nodes(check.nodes)))
        if check.exactly is None or verdict.outcome != "pass":
            return verdict
    return run_check(check, measured.by(engine, weights))


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


def _replaying(unmutated: Callable[[], ReplayEngine], weights: Transformer, mutation: Mutation) -> ReplayEngine:
    engine = unmutated()
    return engine.on(weights, mutation.since(engine.model))
