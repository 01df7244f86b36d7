"""Paths of several hops: both engines agree, and a path through a value is the product of its matrices."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.intervention_quantities import intervention_name
from mi_checks.engine.interventions import Intervention, ablate, denoise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from tests.engine.cases import ARCHITECTURES, TOLERANCE, multi_hop, native, prompts

HEAD = Node(0, "head", 1)


@pytest.fixture(scope="session")
def loaded_models():
    return {name: native(name) for name in ARCHITECTURES}


def close(found, expected):
    return np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("at", [None, "X", 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_path(architecture, at, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=3)
    what = list(multi_hop(loaded_model, at))
    reference, replay = ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)
    expected = reference.scores(what)
    assert close(replay.scores(what), expected)
    assert close(np.concatenate([replay.scores([one]) for one in what]), expected)  # whatever they are measured with
    if at is None:
        base = [[one.run == "clean"] for one in what]
        moved = np.abs(
            expected - np.where(base, reference.unpatched.clean.logit_diff, reference.unpatched.corrupt.logit_diff)
        )
        assert (moved.max(1) > 1e-4).mean() > 0.8


@pytest.mark.parametrize("architecture", ["attention only", "gelu", "llama"])
def test_padding_on_the_left(architecture, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=5, seed=3)
    what = [*multi_hop(loaded_model, None), *multi_hop(loaded_model, "X")]
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    assert close(ReferenceEngine(loaded_model, batch, padding="left").scores(what), expected)
    assert close(
        ReplayEngine(loaded_model, batch, replayable_model(loaded_model), padding="left").scores(what), expected
    )


@given(seed=st.integers(0, 10**6), ragged=st.booleans(), at=st.sampled_from([None, "X", "END", 3]), data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_paths(loaded_models, seed, ragged, at, data):
    loaded_model = loaded_models[data.draw(st.sampled_from(["attention only", "gelu", "llama"]))]
    batch = prompts(count=4, seed=seed, ragged=ragged)
    what = data.draw(st.lists(st.sampled_from(list(multi_hop(loaded_model, at))), min_size=1, max_size=5))
    assert close(
        choose_engine("replay", loaded_model, batch).scores(what), ReferenceEngine(loaded_model, batch).scores(what)
    )


@pytest.mark.parametrize("engine", ["replay", "reference"])
def test_a_path_through_a_value_is_the_product_of_its_matrices(engine, loaded_models):
    """Without norms: what the head writes × W_V × the attention it meets × W_O × the unembedding."""
    loaded_model, batch = loaded_models["no norm"], prompts(count=5, seed=3)
    measured, model = choose_engine(engine, loaded_model, batch), replayable_model(loaded_model)
    path = Intervention((HEAD,), None, "clean", "corrupt", (Node(1, "v", 2),), ((LOGITS,),))
    change = measured.activation("corrupt", HEAD)[:, :, 1] - measured.activation("clean", HEAD)[:, :, 1]
    written = change @ model.w_o(0)[1]
    pattern = measured.padded_pattern(Node(1, "head", 2), measured.rows)[measured.rows, measured.end]  # row source
    mixed = torch.einsum("ps,psd->pd", pattern, written) @ model.projection(1, "v")[0][2].T
    logits = (mixed @ model.w_o(1)[2]) @ model.weights["unembed.weight"].T
    expected = measured.unpatched.clean.logit_diff + measured.score_logits(logits).numpy()
    np.testing.assert_allclose(measured.scores([path])[0], expected, atol=1e-4)
    assert np.abs(expected - measured.unpatched.clean.logit_diff).max() > 0.01


@pytest.mark.parametrize("engine", ["replay", "reference"])
def test_a_hop_into_the_logits_alone_is_less_than_everything_downstream(engine, loaded_models):
    """Without `onward` the MLPs after the receiver see what it writes."""
    loaded_model, batch = loaded_models["gelu"], prompts(count=5, seed=3)
    found = choose_engine(engine, loaded_model, batch).scores(
        [ablate(HEAD, kind="zero", into=(Node(1, "v", 2),), onward=onward) for onward in ((), ((LOGITS,),))]
    )
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_each_intervention_has_a_unique_name():
    into = (Node(1, "k", 2),)
    ways = [(), ((LOGITS,),), ((Node(2, "v", 1),),), ((Node(2, "v", 1),), (LOGITS,)), ((Node(2, "v", 1), LOGITS),)]
    assert len({intervention_name(denoise(HEAD, into=into, onward=onward)) for onward in ways}) == len(ways)


@pytest.mark.parametrize(
    ("into", "onward", "message"),
    [
        ((), ((LOGITS,),), "every hop of a path must have a receiver"),
        ((Node(1, "k", 2),), ((),), "every hop of a path must have a receiver"),
        (
            (Node(1, "k", 2),),
            ((Node(1, "v", 0),),),
            "there is no path from L1H2.k to L1H0.v, because L1H0.v does not come after it",
        ),
        (
            (Node(1, "mlp"),),
            ((Node(1, "mlp"),),),
            "there is no path from L1.mlp to L1.mlp, because L1.mlp does not come after it",
        ),
        (
            (Node(1, "k", 2),),
            ((Node(2, "head", 0),),),
            "a path must end at a head's q, k or v, an MLP or the logits, not at L2H0",
        ),
        ((LOGITS,), ((LOGITS,),), "a path can continue from a head's q, k or v or an MLP, not from logits"),
    ],
)
def test_what_is_not_a_path_is_an_error(into, onward, message):
    with pytest.raises(ValueError, match="path") as error:
        denoise(HEAD, into=into, onward=onward)
    assert str(error.value) == message
