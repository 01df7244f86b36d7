"""The verdicts of checks on mutants. `mi_checks.suite.suite` measures the unmutated models."""

from __future__ import annotations

import time
from functools import partial
from typing import cast

from mi_checks.checks.role import check_role
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.models.model_names import bundled_models, resolve
from mi_checks.mutants.judge_mutants import MutantJudge, stand_in_mutant, survivors_message
from mi_checks.output.claim_text import claim_text
from mi_checks.results.run import FileLine, Mutant, MutantsResult
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS, Behaviour, ModelEntry
from mi_checks.spec.behaviour_checks import AbsentCheck
from mi_checks.spec.check import Check
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.roles import ROLE_SCORES, RoleCheck
from mi_checks.suite.suite import Suite

MutantsAndReason = tuple[tuple[Mutant, ...], str]  # the mutants and, if there are none, the reason


class MutantSuite:
    """The mutants of the behaviours and models of a suite."""

    def __init__(self, suite: Suite) -> None:
        """Begin without mutants."""
        self._suite = suite
        self._judges: dict[tuple[tuple[str, str], str], MutantJudge] = {}

    def check(
        self, loaded: LoadedBehaviour, model: str, check: Check, *, node_id: str, claimed_at: FileLine, rerun: str
    ) -> MutantsResult:
        """Run one check on models in which its claim is false; the arguments are those of `Suite.check`.

        Raises:
            MiChecksError: the check itself cannot be measured.
        """
        began = time.perf_counter()
        verdict = self._suite.verdict(loaded, model, check)
        if verdict.outcome == "pass":
            mutants, message = self._mutants_of(loaded, model, check)
        else:
            declared = loaded.behaviour.inconclusive_place(check, resolve(model).claims) is not None
            outcome = f"{verdict.outcome}{', as declared' if declared and verdict.outcome == 'inconclusive' else ''}"
            mutants, message = (), f"the check does not pass on the unmutated model ({outcome})"
        has_survivor = any(not mutant.killed for mutant in mutants)
        if mutants:
            message = survivors_message(
                claim_text(verdict.claim), str(verdict.bound), mutants, location=str(claimed_at), rerun=rerun
            )
        return MutantsResult(
            behaviour=loaded.behaviour.name,
            model=resolve(model).claims,
            check=check.id,
            node_id=node_id,
            outcome="fail" if has_survivor else "pass" if mutants else "skipped",
            mutants=mutants,
            message=message,
            place=claimed_at,
            seconds=time.perf_counter() - began,
        )

    def close(self, loaded: LoadedBehaviour, model: str) -> None:
        """Free the mutants of a behaviour on a model; to be called before `Suite.close`."""
        judge = self._judges.pop((loaded.key, model), None)
        if judge is not None:
            judge.close()

    def _mutants_of(self, loaded: LoadedBehaviour, model: str, check: Check) -> MutantsAndReason:
        if isinstance(check, AbsentCheck):
            return self._stand_in(loaded, model)
        suite, name = self._suite, resolve(model).claims
        if suite.settings.engine == "reference" or replayable_model(suite.loaded_models.loaded_model(model)) is None:
            return (), f"mutants need the replay engine, and {name} is measured by the reference engine"
        if isinstance(check, RoleCheck) and check.role.score not in ROLE_SCORES:
            return (), f"the score {check.role.score} is defined by this project and reads the unmutated model"
        key = (loaded.key, model)
        if key not in self._judges:
            engine = partial(_replay_engine, suite, loaded, model)
            store = suite.store if loaded.score is None else None
            role = partial(self._role_verdict, loaded, model)
            self._judges[key] = MutantJudge(suite.measurements(loaded, model), engine, role, store)
        return self._judges[key].mutants_of(check), f"no mutation is defined for this kind of check ({check.kind})"

    def _role_verdict(self, loaded: LoadedBehaviour, model: str, check: RoleCheck, weights: Transformer) -> Verdict:
        """Return the verdict on a role with mutated weights, compared with its binding in the unmutated model."""
        own = self._suite.binding(loaded, model, check)
        return check_role(
            self._suite.binding(loaded, model, check, weights), own.nodes, resolve(model).claims, free=False
        )

    def _stand_in(self, loaded: LoadedBehaviour, model: str) -> MutantsAndReason:
        """Return, as a mutant, a bundled model that has the behaviour, in place of a model declared not to have it."""
        suite = self._suite
        measured = suite.measurements(loaded, model)
        for name in _bundled_models_with(loaded.behaviour):
            loaded_model = suite.loaded_models.loaded_model(name)
            if _has_same_prompts(loaded_model, measured.loaded_model):
                engine = choose_engine(suite.settings.engine, loaded_model, measured.batch, score=loaded.score)
                return (stand_in_mutant(measured, name, engine),), ""
        return (), "no bundled model with this tokenizer is declared to have the behaviour"


def _replay_engine(suite: Suite, loaded: LoadedBehaviour, model: str) -> ReplayEngine:
    return cast("ReplayEngine", suite.engine_of(loaded, model))  # the caller has checked that the model is replayable


def _bundled_models_with(behaviour: Behaviour) -> tuple[str, ...]:
    """Return the bundled models declared to have a behaviour, those with the same bounds as an absent one first."""
    bundled = bundled_models()
    entries = {
        name: entry for name, entry in behaviour.models.items() if name in bundled and isinstance(entry, ModelEntry)
    }
    behaviour_checks = [entry.check for entry in behaviour.checks if entry.check.kind in BEHAVIOUR_KINDS]

    def has_own_bounds(name: str) -> bool:
        return any(check.id in entries[name].bounds or not behaviour.claims(check, name) for check in behaviour_checks)

    return tuple(sorted(entries, key=has_own_bounds))  # the sort is stable, so ties stay in the order of the file


def _has_same_prompts(loaded_model: LoadedModel, other: LoadedModel) -> bool:
    """Return whether both models turn the behaviour into the same prompts."""
    return loaded_model.prompt_dependencies == other.prompt_dependencies
