"""A run drawn from a pool is what an engine would measure on those prompts, and its truth is the pool's."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.intervention_quantities import InterventionScores
from mi_checks.engine.interventions import ablate, denoise
from mi_checks.engine.nodes import parse_node
from mi_checks.spec.behaviour import CheckEntry
from mi_checks.studies.calibration import calibration_inputs
from mi_checks.studies.calibration.calibration_inputs import (
    N_POSITIONS,
    draw_batch,
    with_random_answers,
    with_random_positions,
)
from mi_checks.studies.calibration.prompt_pool import PromptPool

ROWS = np.array([3, 3, 41, 0, 17])


def head(name):
    return parse_node(name)


def generator():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    "what", [denoise(head("L1H1")), denoise(head("L0H3"), at="B1"), ablate(head("L1H2"), kind="zero")]
)
def test_it_measures_what_an_engine_does(pool, what):
    batch = replace(pool.batch, pairs=tuple(pool.batch.pairs[row] for row in ROWS))
    engine = choose_engine("auto", pool.loaded_model, batch)
    run = pool.run(ROWS, generator())
    np.testing.assert_allclose(run.logit_diff(what), engine.scores([what])[0], atol=1e-4)
    np.testing.assert_allclose(run.unpatched.effect_size, engine.unpatched.effect_size, atol=1e-4)
    np.testing.assert_array_equal(run.unpatched.clean.beats_foils, engine.unpatched.clean.beats_foils)
    found = run.measure(AttentionBetweenLabels(head("L0H3"), "B1", "A1"))[0]
    np.testing.assert_allclose(found, engine.measure(AttentionBetweenLabels(head("L0H3"), "B1", "A1"))[0], atol=1e-5)


def test_swapped_answers_turn_every_score(pool):
    rows = np.arange(len(pool.batch))
    swapped, kept = pool.run(rows, generator(), swap=True), pool.run(rows, generator())
    signs = np.sign(swapped.unpatched.effect_size / kept.unpatched.effect_size)
    assert set(signs) == {-1.0, 1.0}
    patch = denoise(head("L1H1"))
    np.testing.assert_array_equal(swapped.logit_diff(patch), signs * kept.logit_diff(patch))
    np.testing.assert_array_equal(swapped.unpatched.clean.beats_foils, signs * kept.unpatched.clean.logit_diff > 0)


def test_the_population_is_the_pool(pool):
    check = CheckEntry.model_validate({"patching": {"nodes": "induction", "recovers": {"at_least": 0}}}).check
    patched = pool.measure(InterventionScores((denoise(*map(head, pool.roles["induction"])),)))[0]
    unpatched = pool.engine.unpatched
    truth = (patched - unpatched.corrupt.logit_diff).mean() / unpatched.effect_size.mean()
    assert run_check(check, pool.population()).estimate.value == pytest.approx(truth)
    assert truth > 0.8


def test_the_odd_prompts_of_an_order_are_the_whole_pool(pool):
    ordered = pool.ordered_by(ROWS)
    effect_size = pool.engine.unpatched.effect_size
    assert ordered.unpatched.effect_size[1::2].tolist() == effect_size.tolist()
    assert set(ordered.unpatched.effect_size[::2]) == set(effect_size[ROWS[::2]])


def test_a_drawn_position_is_looked_at_as_often_as_any(pool):
    """Attention sums to one: over all positions drawn, the mean is one of n."""
    batch = pool.batch
    assert {len(pair.clean.tokens) for pair in batch.pairs} == {N_POSITIONS}
    rng = generator()
    places = [pair.clean.labels["drawn"] for _ in range(40) for pair in with_random_positions(batch, rng).pairs]
    counts = np.bincount(np.ravel(places), minlength=N_POSITIONS)
    assert len(counts) == N_POSITIONS
    assert (abs(counts - 40 * 48 / N_POSITIONS) < 4 * np.sqrt(40 * 48 / N_POSITIONS)).all()


def test_random_answers_are_of_the_whole_vocabulary_and_scored(pool):
    tokens = pool.loaded_model.tokenization
    batch = with_random_answers(pool.batch, tokens, generator())
    answers = np.array([[pair.answer_tokens[0][0], pair.foil_tokens[0][0]] for pair in batch.pairs])
    assert (answers[:, 0] != answers[:, 1]).all()
    assert answers.max() > 1800
    assert answers.min() < 250
    scores = PromptPool(pool.loaded_model, batch, pool.roles).engine.unpatched.clean.logit_diff
    assert abs(scores.mean()) < 4 * scores.std() / np.sqrt(len(scores))
    assert abs(pool.engine.unpatched.clean.logit_diff.mean()) > 10 * scores.std() / np.sqrt(len(scores))


def test_fresh_models_are_of_their_seed_and_leave_torchs_own_alone():
    import torch

    tokens = calibration_inputs.bundled_tokenization()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, same, other = (
        calibration_inputs.fresh_model(seed, tokens, mlps=True).bridge.state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.random.get_rng_state(), before)
    for name, weight in one.items():
        assert torch.equal(weight, same[name])
        assert weight.std() == 0 or not torch.equal(weight, other[name])
    batch = draw_batch(tokens, 4, 0)
    assert (
        choose_engine(
            "auto", calibration_inputs.fresh_model(1, tokens, mlps=True), batch
        ).unpatched.clean.logit_diff.std()
        > 0
    )
