"""A fraction of an input's norm is judged beside that of random directions, which hold for untrained models."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.composition import InputFraction, RandomInputFractions
from mi_checks.engine.nodes import Node
from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.node_names import ModelShape
from tests.engine.cases import SIZE, native, prompts

PROMPTS = {
    "count": 32,
    "variables": {
        "A": {"tokens": "random"},
        "B": {"tokens": "random", "differs_from": "A"},
        "C": {"tokens": "random", "differs_from": ["A", "B"]},
        "D": {"tokens": "random", "differs_from": ["A", "B", "C"]},
        "query": {"same_as": "A"},
    },
    "template": "{{ A | at('A1') }}{{ B | at('X') }}{{ D }}{{ C }}{{ query | at('A2') }}",
    "corrupt": {"A": "D", "D": "A"},
    "answer": "{{ B }}",
    "foils": ["{{ C }}"],
}


def behaviour(at_least, reader="L1H1", writer="L0H0"):
    check = {"composes": {"from": writer, "to": reader, "via": "k", "at": "X", "writes": {"at_least": at_least}}}
    given = {"name": "reads", "summary": "a head reads another", "prompts": PROMPTS, "checks": [check]}
    return Behaviour.model_validate({**given, "models": {"nano-attn-2l": {}}}, by_alias=True, by_name=False)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("count", [5, 48])
@pytest.mark.parametrize(
    ("sender", "receiver"), [(Node(0, "head", 1), Node(1, "k", 2)), (Node(0, "attn"), Node(2, "q", 0))]
)
def test_as_explicit_rotations_give(sender, receiver, count):
    """By hand in float64, with 4,000 uniformly random rotations of the whole residual stream, d_model × d_model."""
    engine = choose_engine("replay", native("attention only"), prompts(count=count, seed=3))
    weights = {name: value.double().numpy() for name, value in engine.loaded_model.bridge.state_dict().items()}
    columns = [columns[-1] for columns in engine.layouts["clean"].columns("X")]
    whole = engine.activation("clean", Node(receiver.layer, "resid_pre"))[engine.rows, columns].double().numpy()
    written = engine.activation("clean", sender)[engine.rows, columns]
    part = engine.stream_output(sender, written).double().numpy()
    gain = weights[f"blocks.{receiver.layer}.ln1.weight"]
    matrix = weights[f"blocks.{receiver.layer}.attn.{receiver.kind}.weight"].reshape(4, 8, 32)[receiver.index]
    read_whole = (whole - whole.mean(1, keepdims=True)) * gain @ matrix.T

    def mean_fraction(stream):
        read = (stream - stream.mean(1, keepdims=True)) * gain @ matrix.T  # both are divided by the same scale
        return float((np.linalg.norm(read, axis=1) / np.linalg.norm(read_whole, axis=1)).mean())

    own = engine.measure(InputFraction(sender, receiver, "X"))[0].mean()
    assert mean_fraction(part) == pytest.approx(own, rel=1e-4)
    rng = np.random.default_rng(1)
    expected = []
    for _ in range(4000):
        orthogonal, triangle = np.linalg.qr(rng.normal(size=(32, 32)))
        expected.append(mean_fraction(part @ (orthogonal * np.sign(np.diag(triangle)))))
    found = engine.measure(RandomInputFractions(sender, receiver, "X"))[0]
    assert found.shape == (400,)
    assert kstest(found, expected).pvalue > 0.01
    assert found.mean() == pytest.approx(np.mean(expected), abs=4 * np.std(expected) / 20)
    np.testing.assert_allclose(np.quantile(found, [0.1, 0.9]), np.quantile(expected, [0.1, 0.9]), rtol=0.1)


def test_senders_have_random_directions_of_their_own():
    """The largest of several senders is compared with the largest of as many independent ones."""
    engine = choose_engine("replay", native("attention only"), prompts(count=24, seed=3))
    first, second = (
        engine.measure(RandomInputFractions(Node(0, "head", index), Node(1, "k", 2), "X"))[0] for index in (0, 1)
    )
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.2
    again = engine.measure(RandomInputFractions(Node(0, "head", 0), Node(1, "k", 2), "X"))[0]
    np.testing.assert_array_equal(again, first)


def untrained(seed):
    """A model as initialised, of two attention layers."""
    config = {**SIZE, "n_layers": 2, "attn_only": True, "normalization_type": "LN", "seed": seed}
    bridge = TransformerBridge.boot_native(config).eval()
    bridge.requires_grad_(False)
    provenance = Provenance("random", "", "", "float32", "cpu", "raw")
    return LoadedModel("nano-attn-2l", bridge, None, ModelShape(2, 4, None), SIZE["n_ctx"], provenance)


def test_untrained_models_do_not_compose():
    """The claim is what each model reaches, less a tenth: by the interval over prompts alone it holds in all."""
    batch, outcomes, alone = prompts(count=24, seed=3), [], []
    for seed in range(60):
        engine = choose_engine("replay", untrained(seed), batch)
        own = engine.measure(InputFraction(Node(0, "head", 0), Node(1, "k", 1), "X"))[0].mean()
        measured = Measurements(behaviour(round(0.75 * float(own), 4)), engine.loaded_model, batch, engine)
        result = run_check(measured.behaviour.checks[0].check, measured)
        alone.append(result.estimate.low > result.bound.at_least)
        outcomes.append(result.outcome)
        assert (result.p_value < 0.025) == (result.outcome == "pass")
        assert "of random directions in its place" in result.detail
    assert np.mean(alone) > 0.9
    assert outcomes.count("pass") <= 5  # 1.5 are expected, and more than 5 in 0.4 % of such sets of models
    assert outcomes.count("fail") == 0


def test_a_trained_model_composes():
    loaded_model = load("nano-attn-2l", device="cpu")
    given = behaviour(0.3, "L1H2", "L0H3")
    batch = build_prompts(given.prompts, loaded_model.tokenization, behaviour="reads")
    measured = Measurements(given, loaded_model, batch, choose_engine("replay", loaded_model, batch))
    result = run_check(given.checks[0].check, measured)
    assert (result.outcome, result.p_value < 0.01) == ("pass", True), (result.estimate, result.detail)
