"""Runs in which a claim is false, or only just true, with the rate at which it passes.

There are five nulls. *Fresh models*: untrained models of the shape of the nano models, a new one in every run, on new
prompts; no effect has a direction. *Roles by chance*: the same models, in which any head may have a role by chance;
shown together with the fresh models. *Random answers*: trained models, with two random tokens in random order as answer
and foil; no effect has a direction, whatever the model does. *At the bound*: trained models with the true answers, and
every claim held to exactly its true value. *Random circuits*: the same models, with circuits drawn at random from those
of their size.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import numpy as np

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.role import check_role
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.output.progress import Progress, no_progress
from mi_checks.roles.role_binding import RoleBinding
from mi_checks.roles.role_scores import role_score
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.circuit_checks import CurveCheck
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.studies.calibration import calibrated_claims, calibration_inputs
from mi_checks.studies.calibration.calibrated_claims import INDUCTION, PREVIOUS, RANDOM, CalibratedClaim
from mi_checks.studies.calibration.calibration_inputs import (
    N_POSITIONS,
    draw_batch,
    with_random_answers,
    with_random_positions,
)
from mi_checks.studies.calibration.false_positive_rates import ClaimRates, fail_rate, pass_rate, with_estimate
from mi_checks.studies.calibration.prompt_pool import PromptPool, calibration_behaviour

RUN_PROMPTS = 64  # prompts of a run; the default of a behaviour without a `count`
POOL_PROMPTS = 128  # prompts in the pool that runs draw from
CIRCUIT_SIZE = 3  # heads of a random circuit; twelve heads have more circuits of this size than are measured
FRESH_MODELS, RANDOM_ANSWERS, AT_THE_BOUND, RANDOM_CIRCUITS = (
    "fresh models",
    "random answers",
    "at the bound",
    "random circuits",
)
NULLS = (FRESH_MODELS, RANDOM_ANSWERS, AT_THE_BOUND, RANDOM_CIRCUITS)
# As behaviours/induction_circuit.yaml has them.
SHIPPED_ROLES = tuple(
    RoleCheck(name=name, role=Role(score=name, at_least=least))
    for name, least in (("previous_token", 0.4), ("induction", 0.5))
)


def measure_fresh_models(
    runs: int, seed: int, kinds: Collection[str] = (), progress: Progress = no_progress
) -> tuple[ClaimRates, ...]:
    """Measure a new untrained model, random heads of it and new prompts in every run; every second one has MLPs."""
    tokens = calibration_inputs.bundled_tokenization()

    def measured(run: int) -> Measurements:
        rng = np.random.default_rng((seed, run, 0))
        loaded_model = calibration_inputs.fresh_model(fresh_seed(seed, run), tokens, mlps=bool(run % 2))
        batch = with_random_positions(draw_batch(tokens, RUN_PROMPTS, int(rng.integers(2**31))), rng)
        first, second = (int(head) for head in rng.integers(calibration_inputs.N_HEADS, size=2))
        heads = {PREVIOUS: (f"L0H{first}",), INDUCTION: (f"L1H{second}",)}
        return Measurements(
            calibration_behaviour(loaded_model.name),
            loaded_model,
            batch,
            choose_engine("auto", loaded_model, batch),
            heads,
        )

    claims = (*calibrated_claims.null_claims(N_POSITIONS, kinds), *calibrated_claims.weight_claims(kinds))
    return _null_rates(FRESH_MODELS, claims, _measure_runs(measured, runs if claims else 0, progress, FRESH_MODELS))


def fresh_seed(seed: int, run: int) -> int:
    """Return the seed of a run's fresh model."""
    return int(np.random.default_rng((seed, run, 5)).integers(2**31))


def measure_random_answers(
    runs: int, seed: int, kinds: Collection[str] = (), progress: Progress = no_progress
) -> tuple[ClaimRates, ...]:
    """Measure trained models with random tokens as answer and foil, swapped with probability 1/2."""
    claims = calibrated_claims.null_claims(N_POSITIONS, kinds)
    pools = _pools(seed, answers=False) if claims else []

    def measured(run: int) -> Measurements:
        pool, rng = pools[run % len(pools)], np.random.default_rng((seed, run, 1))
        return pool.run(pool.draw(rng, RUN_PROMPTS), rng, swap=True)

    return _null_rates(RANDOM_ANSWERS, claims, _measure_runs(measured, runs if claims else 0, progress, RANDOM_ANSWERS))


def measure_at_the_bound(
    runs: int, seed: int, kinds: Collection[str] = (), progress: Progress = no_progress
) -> tuple[ClaimRates, ...]:
    """Measure trained models, with every claim held to its true value on the pool that its prompts come from."""
    claims = calibrated_claims.true_claims(kinds)
    pools = _pools(seed, answers=True) if claims else []
    bounded_checks = [[_at_true_value(claim, pool.population()) for claim in claims] for pool in pools]
    verdicts: list[list[Verdict]] = [[] for _ in claims]
    n_runs = runs if claims else 0
    for run in progress(range(n_runs), n_runs, AT_THE_BOUND):
        which = run % len(pools)
        pool, rng = pools[which], np.random.default_rng((seed, run, 2))
        rows = pool.draw(rng, RUN_PROMPTS)
        measured = pool.run(rows, rng)
        for claim_verdicts, claim, check in zip(verdicts, claims, bounded_checks[which], strict=True):
            # the interval of a curve holds for the order of nodes that was found with it
            is_curve = isinstance(check, CurveCheck)
            claim_verdicts.append(
                run_check(_at_true_value(claim, pool.ordered_by(rows)) if is_curve else check, measured)
            )
    return tuple(
        ClaimRates(
            AT_THE_BOUND,
            claim.check.kind,
            claim.title,
            _true_bound(claim_verdicts),
            pass_rate(claim_verdicts),
            None,
            fail_rate(claim_verdicts),
        )
        for claim, claim_verdicts in zip(claims, verdicts, strict=True)
    )


def measure_random_circuits(
    runs: int, seed: int, kinds: Collection[str] = (), progress: Progress = no_progress
) -> tuple[ClaimRates, ...]:
    """Measure a trained model with a random circuit, whose rank among the circuits of its size is random too."""
    claims = calibrated_claims.random_circuit_claims(kinds)
    pools = _pools(seed, answers=True)[:1] if claims else []
    at_null: list[list[Verdict]] = [[] for _ in claims]
    shipped: list[list[Verdict]] = [[] for _ in claims]
    n_runs = runs if claims else 0
    for run in progress(range(n_runs), n_runs, RANDOM_CIRCUITS):
        rng = np.random.default_rng((seed, run, 3))
        shape = pools[0].loaded_model.shape
        places = rng.choice(shape.n_layers * shape.n_heads, CIRCUIT_SIZE, replace=False)
        heads = tuple(f"L{place // shape.n_heads}H{place % shape.n_heads}" for place in sorted(places))
        measured = pools[0].run(pools[0].draw(rng, RUN_PROMPTS), rng, roles={RANDOM: heads})
        for claim, null_verdicts, shipped_verdicts in zip(claims, at_null, shipped, strict=True):
            null_verdicts.append(run_check(_at_null(claim), measured))
            shipped_verdicts.append(run_check(claim.check, measured))
    return tuple(
        ClaimRates(
            RANDOM_CIRCUITS, claim.check.kind, claim.title, str(claim.null), pass_rate(null_verdicts),
            shipped=str(claim.shipped), as_shipped=pass_rate(shipped_verdicts, 1 - (claim.shipped.at_least or 0.0)),
        )
        for claim, null_verdicts, shipped_verdicts in zip(claims, at_null, shipped, strict=True)
    )  # fmt: skip


def _null_rates(
    null: str, claims: Sequence[CalibratedClaim], measured: Iterable[Measurements]
) -> tuple[ClaimRates, ...]:
    at_null: list[list[Verdict]] = [[] for _ in claims]
    shipped: list[list[Verdict]] = [[] for _ in claims]
    for each in measured:
        for claim, null_verdicts, shipped_verdicts in zip(claims, at_null, shipped, strict=True):
            shipped_verdicts.append(run_check(claim.check, each))
            if claim.null is not None:
                null_verdicts.append(run_check(_at_null(claim), each))
    return tuple(
        ClaimRates(
            null,
            claim.check.kind,
            claim.title,
            "" if claim.null is None else str(claim.null),
            pass_rate(null_verdicts),
            pass_rate(with_estimate(null_verdicts)) if claim.needs_effect_size else None,
            None if claim.needs_effect_size else fail_rate(null_verdicts),
            str(claim.shipped),
            pass_rate(shipped_verdicts),
        )
        for claim, null_verdicts, shipped_verdicts in zip(claims, at_null, shipped, strict=True)
    )


def _measure_runs(
    measure: Callable[[int], Measurements], runs: int, progress: Progress, title: str
) -> Iterator[Measurements]:
    for run in progress(range(runs), runs, title):
        yield measure(run)


def _pools(seed: int, *, answers: bool) -> list[PromptPool]:
    """Return a pool for each trained model, with the behaviour's own answers or with random ones."""
    pools: list[PromptPool] = []
    for name, roles in calibration_inputs.TRAINED_CIRCUITS.items():
        loaded_model = calibration_inputs.trained_model(name)
        batch = draw_batch(loaded_model.tokenization, POOL_PROMPTS, seed)
        if not answers:
            batch = with_random_answers(batch, loaded_model.tokenization, np.random.default_rng((seed, 4)))
        pools.append(PromptPool(loaded_model, batch, roles))
    return pools


def _at_null(claim: CalibratedClaim) -> Check:
    if claim.null is None:
        raise ValueError(f"{claim.check.id} has no null value")
    return claim.with_bound(claim.null)


def _true_bound(verdicts: Sequence[Verdict]) -> str:
    """Return the bound that the claim was held to on each model, or the range of the bounds."""
    sides = [side for each in verdicts for side in (each.bound.at_least, each.bound.at_most) if side is not None]
    values = [f"{value:.4g}" for value in sorted(set(sides))]
    word = "at least" if verdicts and verdicts[0].bound.at_most is None else "at most"
    return f"{word} {' or '.join(values) if len(values) < 3 else f'{values[0]} to {values[-1]}'}" if values else ""


def _at_true_value(claim: CalibratedClaim, population: Measurements) -> Check:
    """Return the check, held to its own estimate on the whole pool.

    The node that decides a claim about several nodes depends on the bound, so the bound follows the estimate until it
    is stable.

    Raises:
        RuntimeError: the bound does not become stable, or nothing can be measured.
    """
    bound = Bound(at_least=0.0)
    for _ in range(10):
        verdict = run_check(claim.with_bound(bound), population)
        if verdict.estimate is None:
            break
        value = verdict.estimate.value
        if bound.at_least == value:
            return claim.with_bound(Bound(at_most=value) if claim.shipped.at_least is None else bound)
        bound = Bound(at_least=value)
    raise RuntimeError(f"{claim.check.id} on {population.loaded_model.name}: no value that is true of it")


def measure_roles_by_chance(
    runs: int, seed: int, kinds: Collection[str] = (), progress: Progress = no_progress
) -> tuple[ClaimRates, ...]:
    """Bind roles in fresh models: a role check passes if any head of the model has the role by chance."""
    if kinds and RoleCheck.kind not in kinds:
        return ()
    tokens = calibration_inputs.bundled_tokenization()
    verdicts: dict[str, list[Verdict]] = {check.id: [] for check in SHIPPED_ROLES}
    for run in progress(range(runs), runs, "roles of fresh models"):
        loaded_model = calibration_inputs.fresh_model(fresh_seed(seed, run), tokens, mlps=bool(run % 2))
        for check in SHIPPED_ROLES:
            scores = role_score(check.role.score, loaded_model, replayable_model(loaded_model))
            binding = RoleBinding(check.name, check.role.component, check.role.score, scores, check.role.at_least)
            verdicts[check.id].append(check_role(binding, None, loaded_model.name, free=True))
    return tuple(
        ClaimRates(
            FRESH_MODELS, check.kind, check.id, "", shipped=str(check.bound), as_shipped=pass_rate(verdicts[check.id])
        )
        for check in SHIPPED_ROLES
    )
