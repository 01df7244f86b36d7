"""Mutants of one model on one batch of prompts: their measurements are shared by all checks that need them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import partial

from mi_checks.cache.key import code, measurement_key
from mi_checks.cache.recalling import Recalling
from mi_checks.cache.store import Store
from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements, Measuring
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import Mutation
from mi_checks.spec.check import Check
from mi_checks.spec.node_checks import Mediators

MUTATING = ("mutants",)  # parts of the package that a mutant's measurements depend on besides the measuring code


class Runs:
    """A measurer of mutants. Its runs are large, so only those of the latest mutant are held in memory."""

    def __init__(self, measured: Measurements, engine: Callable[[], ReplayEngine], store: Store | None) -> None:
        """Begin with no mutant.

        Args:
            measured: measurements of the unmutated model on the prompts.
            engine: returns the engine of the unmutated model.
            store: the cache for measurements of mutants; None if they should not outlive the run.
        """
        self._measured = measured
        self._engine = engine
        self._store = store
        self._made: dict[Mutation, Recalling] = {}

    def verdict(self, check: Check, mutation: Mutation, weights: Transformer) -> Verdict:
        """Return the verdict on a check of a mutant.

        Raises:
            MiChecksError: the mutant cannot be measured.
        """
        return judged(check, self._measured, self._measuring(mutation, weights), weights)

    def close(self) -> None:
        """Store what was measured for later runs and free the rest."""
        for measuring in self._made.values():
            measuring.save()
        self._made.clear()

    def _measuring(self, mutation: Mutation, weights: Transformer) -> Recalling:
        for other, measuring in self._made.items():
            if other != mutation:
                measuring.give_up_engine()
        if mutation not in self._made:
            key = "" if self._store is None else mutant_key(self._measured, mutation)
            self._made[mutation] = Recalling(partial(_replaying, self._engine, weights, mutation), self._store, key)
        return self._made[mutation]


def mutant_key(measured: Measurements, mutation: Mutation) -> str:
    """Return the cache key of a mutant: a digest of the model's own key, the mutation and the code that makes it."""
    own = measurement_key(measured.loaded_model, measured.batch, ReplayEngine.name)
    about = [own, repr(mutation), code(MUTATING, ())]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def judged(check: Check, measured: Measurements, engine: Measuring, weights: Transformer) -> Verdict:
    """Return the verdict on a check of a model with other weights.

    For `mediators`, the claimed nodes are measured first. They alone decide `include`. If `include` fails for them,
    `exactly` fails too, because it claims more and corrects for more tests.
    """
    if isinstance(check, Mediators):
        included = check.model_copy(update={"exactly": None, "include": check.nodes})
        verdict = run_check(included, measured.by(engine, weights, only=measured.nodes(check.nodes)))
        if check.exactly is None or verdict.outcome != "pass":
            return verdict
    return run_check(check, measured.by(engine, weights))


def _replaying(unmutated: Callable[[], ReplayEngine], weights: Transformer, mutation: Mutation) -> ReplayEngine:
    engine = unmutated()
    return engine.on(weights, mutation.since(engine.model))
