"""Composition scores equal those of TransformerLens, and input fractions are parts of a whole."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.composition import InputFraction, composition_scores, random_composition_scores
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from tests.engine.cases import ARCHITECTURES, TOLERANCE, native, prompts


@pytest.mark.parametrize("mode", ["raw", "compatibility"])
@pytest.mark.parametrize("kind", ["q", "k", "v"])
@pytest.mark.parametrize("architecture", ["attention only", "gelu", "llama"])
def test_scores_equal_those_of_transformer_lens(architecture, kind, mode):
    loaded_model = native(architecture, mode)
    found = composition_scores(replayable_model(loaded_model), kind)
    with torch.no_grad():
        expected = loaded_model.bridge.all_composition_scores(kind.upper()).scores.double().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (found[0, :, 1] > 0.01).all()
    assert (found[1, :, :2] == 0).all()


def test_other_kinds_are_an_error():
    with pytest.raises(ValueError, match=r"^heads compose through the receiver's q, k or v, not through mlp$"):
        composition_scores(replayable_model(native("gelu")), "mlp")


def test_scores_of_random_matrices_have_the_expected_mean():
    """‖ABCD‖² is on average 1/d_model of the product of the squared norms; the mean is of 500 draws."""
    model = replayable_model(native("gelu"))
    found = random_composition_scores(model, 500)
    assert found.shape == (500,)
    assert np.sqrt((found**2).mean()) == pytest.approx(1 / np.sqrt(32), rel=0.02)
    np.testing.assert_array_equal(random_composition_scores(model, 500), found)
    assert np.abs(random_composition_scores(model, 500, seed=1) - found).min() > 0


def test_an_untrained_model_scores_like_random_matrices():
    model = replayable_model(native("attention only"))
    null = random_composition_scores(model, 2000)
    low, high = np.quantile(null, [0.001, 0.999])
    for kind in ("q", "k", "v"):
        scores = composition_scores(model, kind)[0, :, 1:].ravel()
        assert ((scores > low) & (scores < high)).mean() > 0.9


RECEIVERS = [Node(1, "q", 2), Node(1, "k", 1), Node(1, "v", 0)]


@pytest.mark.parametrize("at", ["X", "Y", "END"])
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "one layer"])
def test_both_engines_agree_on_input_fractions(architecture, at):
    loaded_model, batch = native(architecture), prompts(count=5, seed=3)
    senders = [Node(0, "resid_pre"), Node(0, "attn"), *all_nodes("head", loaded_model.shape, (0,))]
    senders += [Node(0, "mlp"), Node(0, "neuron", 7)] if loaded_model.shape.d_mlp else []
    reference, replay = ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)
    for sender in senders:
        for receiver in RECEIVERS:
            expected = reference.measure(InputFraction(sender, receiver, at))[0]
            np.testing.assert_allclose(
                replay.measure(InputFraction(sender, receiver, at))[0], expected, atol=10 * TOLERANCE
            )
            assert expected.shape == (5,)
            assert expected.max() > 1e-3 or sender.kind == "neuron"


@pytest.mark.parametrize("engine", ["replay", "reference"])
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "one layer"])
def test_the_parts_add_up_to_the_whole_input(architecture, engine):
    """Embedding and layers before it, and what the biases give, are the query, key or value of the clean run."""
    measured = choose_engine(engine, native(architecture), prompts(count=5, seed=3))
    weights, rows, columns = measured.loaded_model.bridge.state_dict(), measured.rows, measured.end
    kinds = ("attn", "mlp") if measured.loaded_model.shape.d_mlp else ("attn",)
    with torch.no_grad():
        whole = measured.activation("clean", Node(1, "resid_pre"))[rows, columns]
        for receiver in RECEIVERS:
            parts = [Node(0, "resid_pre"), *(Node(0, kind) for kind in kinds)]
            written = [measured.activation("clean", part)[rows, columns] for part in parts]
            taken = sum(measured.receiver_input(receiver, whole, one) for one in written)
            matrix = weights[f"blocks.1.attn.{receiver.kind}.weight"].unflatten(0, (-1, 8))[receiver.index]
            bias = weights.get(f"blocks.1.attn.{receiver.kind}.bias")
            of_norm = weights.get("blocks.1.ln1.bias", torch.zeros(matrix.shape[1])) @ matrix.T
            own = of_norm + (0 if bias is None else bias.unflatten(0, (-1, 8))[receiver.index])
            expected = measured.activation("clean", receiver)[rows, columns][:, receiver.index]
            torch.testing.assert_close(taken + own, expected, atol=1e-4, rtol=1e-4)


def test_the_first_layer_reads_only_the_embedding():
    measured = choose_engine("auto", native("gelu"), prompts(count=5, seed=3))
    np.testing.assert_allclose(
        measured.measure(InputFraction(Node(0, "resid_pre"), Node(0, "k", 1), "X"))[0], 1, atol=1e-5
    )


@pytest.mark.parametrize(
    ("sender", "receiver", "message"),
    [
        (
            Node(1, "resid_pre"),
            Node(1, "q", 0),
            "L1.resid_pre does not write to the residual stream; name a head, a neuron, an attention layer, an MLP or "
            "L0.resid_pre",
        ),
        (Node(0, "head", 0), Node(1, "mlp"), "the receiver must be a head's q, k or v, not L1.mlp"),
        (
            Node(1, "head", 0),
            Node(1, "k", 1),
            "there is no path from L1H0 to L1H1.k, because L1H1.k does not come after it",
        ),
    ],
)
def test_undefined_input_fractions_are_an_error(sender, receiver, message):
    with pytest.raises(ValueError, match=r"\w") as error:
        choose_engine("auto", native("gelu"), prompts(count=2, seed=0)).measure(InputFraction(sender, receiver, "X"))[0]
    assert str(error.value) == message


@pytest.mark.parametrize("kind", ["q", "k", "v"])
def test_orthogonal_heads_score_zero_and_empty_heads_nan(kind):
    """What is orthogonal but for rounding has no negative square; an empty head has no norm to be compared with."""
    loaded_model = native("attention only")
    turn = torch.linalg.qr(torch.randn(32, 32, generator=torch.Generator().manual_seed(0))).Q
    sender, receiver = (loaded_model.bridge.blocks[layer].attn for layer in (0, 1))
    sender.o.weight.data[:, :8] = turn[:, :8]
    for part in "qkv":
        getattr(receiver, part).weight.data[:8] = turn[:, 8:16].T
    found = composition_scores(replayable_model(loaded_model), kind)
    assert 0 <= found[0, 0, 1, 0] < 1e-6
    assert found[0, 1, 1, 0] > 0.01
    loaded_model = native("attention only")
    loaded_model.bridge.blocks[0].attn.o.weight.data[:, :8] = 0
    assert np.isnan(composition_scores(replayable_model(loaded_model), kind)[0, 0, 1, 0])


def test_an_input_that_reads_nothing_is_an_error():
    loaded_model, batch = native("gelu"), prompts(count=3, seed=3)
    loaded_model.bridge.blocks[1].attn.k.weight.data[8:16] = 0
    for engine in (ReferenceEngine(loaded_model, batch), choose_engine("replay", loaded_model, batch)):
        with pytest.raises(MiChecksError) as caught:
            engine.measure(InputFraction(Node(0, "head", 1), Node(1, "k", 1), "X"))[0]
        assert str(caught.value) == (
            "gelu: the weights of L1H1.k read nothing from the residual stream at X, so no fraction of its input can "
            "be measured; name another head or input"
        )
        assert (engine.measure(InputFraction(Node(0, "head", 1), Node(1, "k", 2), "X"))[0] > 0).all()
