"""The replay engine gives the reference engine's numbers: every intervention kind × architecture × position."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.interventions import Intervention, denoise, noise
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from tests.engine.cases import ARCHITECTURES, TOLERANCE, a_part, everything, native, paths, prompts


@pytest.fixture(scope="session")
def loaded_models():
    return {name: native(name) for name in ARCHITECTURES}


@pytest.mark.parametrize("at", [None, "X", "Y", "END", 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_intervention(architecture, at, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=3)
    replay = choose_engine("replay", loaded_model, batch)
    assert isinstance(replay, ReplayEngine)
    what = a_part(everything(loaded_model, at), architecture, at)
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    found = replay.scores(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())
    moved = np.abs(
        found
        - np.where(
            [[i.run == "clean"] for i in what], replay.unpatched.clean.logit_diff, replay.unpatched.corrupt.logit_diff
        )
    )
    if at in (None, "END"):  # elsewhere causality forbids most of it in the last layer
        assert (moved.max(1) > 1e-4).mean() > 0.4


@pytest.mark.parametrize("at", [None, "X", 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_path(architecture, at, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=3)
    what = a_part(paths(loaded_model, at), architecture, at)
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    found = choose_engine("replay", loaded_model, batch).scores(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_on_the_left(architecture, loaded_models):
    """The same prompts padded on either side, in either engine, give the same."""
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=3)
    what = [*(each for at in (None, "Y", 3) for each in everything(loaded_model, at)), *paths(loaded_model, "X")]
    what = a_part(what, architecture)[::2]
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    limit = TOLERANCE * max(1, np.abs(expected).max())
    reference = ReferenceEngine(loaded_model, batch, padding="left")
    assert np.abs(reference.scores(what) - expected).max() < limit
    replay = ReplayEngine(loaded_model, batch, replayable_model(loaded_model), padding="left")
    assert np.abs(replay.scores(what) - expected).max() < limit


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_unpatched_runs_and_attention(architecture, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=4)
    replay, reference = choose_engine("replay", loaded_model, batch), ReferenceEngine(loaded_model, batch)
    for side in ("clean", "corrupt"):
        expected = reference.unpatched_logits(side)
        assert (replay.unpatched_logits(side) - expected).abs().max() < TOLERANCE * expected.abs().max()
    for head in all_nodes("head", loaded_model.shape):
        real = replay.layouts["clean"].is_token.float()
        mask = real[:, :, None] * real[:, None, :]
        torch.testing.assert_close(
            replay.attention_by_position(head) * mask,
            reference.attention_by_position(head) * mask,
            atol=TOLERANCE,
            rtol=0,
        )
        for engine in (replay, choose_engine("replay", loaded_model, batch)):  # with all patterns read, and with none
            torch.testing.assert_close(
                engine.attention_by_position(head, 3), replay.attention_by_position(head)[3, None], atol=1e-6, rtol=0
            )


@given(
    architecture=st.sampled_from(sorted(ARCHITECTURES)),
    count=st.integers(2, 6),
    seed=st.integers(0, 10**6),
    foils=st.integers(1, 4),
    ragged=st.booleans(),
    at=st.sampled_from([None, "X", "Y", "END", 2, 5]),
    data=st.data(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_shapes_positions_and_sizes(loaded_models, architecture, count, seed, foils, ragged, at, data):
    loaded_model = loaded_models[architecture]
    batch = prompts(count=count, seed=seed, foils=foils, ragged=ragged)
    candidates = [*everything(loaded_model, at), *paths(loaded_model, at)]
    what = data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=6))
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    found = choose_engine("replay", loaded_model, batch).scores(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


def test_the_result_does_not_depend_on_the_chunking(loaded_models):
    loaded_model, batch = loaded_models["gelu"], prompts(count=5, seed=5)
    what = [denoise(node) for node in all_nodes("neuron", loaded_model.shape)]
    whole = choose_engine("replay", loaded_model, batch).scores(what)
    np.testing.assert_allclose(choose_engine("replay", loaded_model, batch, memory=1).scores(what), whole, atol=1e-5)


def test_a_model_that_is_not_reproduced_is_left_to_the_reference(monkeypatch):
    other = native("gelu")
    monkeypatch.setitem(other.bridge.cfg.__dict__, "act_fn", "relu")
    assert replayable_model(other) is None
    assert choose_engine("auto", other, prompts(count=2, seed=0)).name == "reference"


def test_an_intervention_has_no_effect_where_causality_forbids_it(loaded_models):
    loaded_model, batch = loaded_models["gelu"], prompts(count=5, seed=6)
    replay = choose_engine("replay", loaded_model, batch)
    last = loaded_model.shape.n_layers - 1
    unmoved = replay.scores([Intervention((Node(last, "head", 0),), "X", "clean", "zero")])
    np.testing.assert_array_equal(unmoved[0], replay.unpatched.clean.logit_diff)


@pytest.mark.parametrize("engine", ["replay", "reference"])
def test_an_intervention_without_nodes_changes_nothing(engine, loaded_models):
    loaded_model, batch = loaded_models["gelu"], prompts(count=4, seed=7)
    measured = choose_engine(engine, loaded_model, batch)
    found = measured.scores([denoise(), noise(), denoise(Node(0, "head", 0), Node(1, "head", 0))])
    np.testing.assert_allclose(found[0], measured.unpatched.corrupt.logit_diff, atol=1e-6)
    np.testing.assert_allclose(found[1], measured.unpatched.clean.logit_diff, atol=1e-6)
    assert np.abs(found[2] - found[0]).max() > 1e-3
