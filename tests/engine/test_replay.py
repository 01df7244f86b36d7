"""The replay engine gives the reference engine's numbers: every intervention kind × architecture × position."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.engine.choose import choose, trusted
from mi_checks.engine.interventions import Intervention, ablate, denoise, noise, reaches
from mi_checks.engine.nodes import LOGITS, PARTS, Node, all_nodes
from mi_checks.engine.reference import ReferenceEngine
from mi_checks.engine.replay import ReplayEngine
from mi_checks.models.subject import Provenance, Subject
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.shapes import ModelShape

TOLERANCE = 1e-5
SIZE = {"d_model": 32, "n_ctx": 24, "d_head": 8, "n_heads": 4, "d_vocab": 50, "d_mlp": 48}
ARCHITECTURES = {
    "attention only": {"n_layers": 3, "attn_only": True, "normalization_type": "LN"},
    "gelu": {"n_layers": 2, "act_fn": "gelu", "normalization_type": "LN"},
    "solu": {"n_layers": 2, "act_fn": "solu_ln", "normalization_type": "LN"},
    "folded norms": {"n_layers": 2, "act_fn": "gelu_new", "normalization_type": "LNPre"},
    "no norm": {"n_layers": 2, "act_fn": "relu", "normalization_type": None},
    "llama": {
        "n_layers": 2, "act_fn": "silu", "gated_mlp": True, "normalization_type": "RMS", "final_rms": True,
        "positional_embedding_type": "rotary", "n_key_value_heads": 2,
    },
    "rotary, part of the head": {
        "n_layers": 2, "act_fn": "gelu", "normalization_type": "RMSPre", "positional_embedding_type": "rotary",
        "rotary_dim": 4,
    },
    "soft caps": {
        "n_layers": 2, "act_fn": "gelu", "normalization_type": "LN", "attn_scores_soft_cap": 2.0,
        "output_logits_soft_cap": 3.0,
    },
    "one layer": {"n_layers": 1, "act_fn": "gelu", "normalization_type": "LN"},
}  # fmt: skip


def subject(architecture):
    config = {**SIZE, **ARCHITECTURES[architecture], "seed": 1}
    bridge = TransformerBridge.boot_native(config).eval()
    generator = torch.Generator().manual_seed(2)
    for parameter in bridge.parameters():  # larger than at initialisation, so that nothing is near linear
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    bridge.requires_grad_(False)
    d_mlp = None if config.get("attn_only") else SIZE["d_mlp"]
    shape = ModelShape(config["n_layers"], SIZE["n_heads"], d_mlp, config.get("n_key_value_heads"))
    provenance = Provenance("random", "", "", "float32", "cpu", "raw")
    return Subject(architecture, bridge, None, shape, SIZE["n_ctx"], provenance)


@pytest.fixture(scope="session")
def subjects():
    return {name: subject(name) for name in ARCHITECTURES}


def prompts(*, count, seed, first_difference=2, ragged=True, foils=2):
    """Random pairs that differ at one position and share the label `X` there and the label `Y` after it."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        length = int(rng.integers(6, 14)) if ragged else 9
        where = int(rng.integers(first_difference, length - 2))
        clean = rng.integers(0, SIZE["d_vocab"], length).tolist()
        corrupt = list(clean)
        corrupt[where] = (clean[where] + 1) % SIZE["d_vocab"]
        labels = {"X": (where,), "Y": (where + 1, length - 1), "END": (length - 1,)}
        both = [Prompt("", tuple(tokens), ("",) * length, labels) for tokens in (clean, corrupt)]
        answer, *others = rng.choice(SIZE["d_vocab"], 1 + foils, replace=False).tolist()
        pairs.append(PromptPair(*both, "", ("",) * foils, answer, tuple(others)))
    return PromptBatch(tuple(pairs), "mean")


def everything(shape, at):
    nodes = all_nodes("head", shape) + all_nodes("neuron", shape)[::7]
    parts = [node for part in PARTS for node in all_nodes(part, shape)]
    nodes += parts
    kinds = ["resid_pre", "attn", "resid_post"] + (["resid_mid", "mlp"] if shape.d_mlp else [])
    nodes += [Node(layer, kind) for layer in range(shape.n_layers) for kind in kinds]
    yield from (denoise(node, at=at) for node in nodes)
    yield from (noise(node, at=at) for node in nodes)
    for kind in ("zero", "mean", "resample"):
        yield from (ablate(node, kind=kind, at=at) for node in nodes)
    last = shape.n_layers - 1
    yield denoise(Node(0, "head", 1), Node(last, "head", 2), at=at)
    yield ablate(Node(0, "head", 1), Node(0, "head", 3), Node(last, "attn"), kind="mean", at=at)
    yield denoise(parts[0], Node(0, "head", 2), *parts[-5:-3], at=at)
    if shape.d_mlp:
        yield noise(Node(0, "neuron", 3), Node(0, "neuron", 5), Node(last, "mlp"), at=at)


def paths(shape, at):
    last = shape.n_layers - 1
    receivers = [node for part in ("q", "k", "v") for node in all_nodes(part, shape)] + [LOGITS]
    senders = [*all_nodes("head", shape)[::2], *(Node(layer, "attn") for layer in range(shape.n_layers))]
    if shape.d_mlp:
        senders += [*all_nodes("neuron", shape)[::11], *(Node(layer, "mlp") for layer in range(shape.n_layers))]
        receivers += [Node(layer, "mlp") for layer in range(shape.n_layers)]
    for sender in senders:
        for receiver in receivers:
            if reaches(sender, receiver):
                yield denoise(sender, at=at, into=(receiver,))
    head = Node(0, "head", 1)
    yield noise(head, at=at, into=(LOGITS,))
    yield noise(head, Node(last, "head", 0), at=at, into=(LOGITS,))
    if last:
        several = (Node(last, "q", 0), Node(last, "k", 1), Node(last, "v", 1))
        yield noise(head, Node(0, "attn"), at=at, into=several)
        for kind in ("zero", "mean", "resample"):
            yield ablate(head, kind=kind, at=at, into=several[:1])
            yield ablate(head, kind=kind, at=at, into=several[1:])
    if shape.d_mlp:
        yield ablate(head, Node(0, "head", 3), kind="mean", at=at, into=(Node(last, "mlp"), LOGITS))


@pytest.mark.parametrize("at", [None, "X", "Y", "END", 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_intervention(architecture, at, subjects):
    subject, batch = subjects[architecture], prompts(count=5, seed=3)
    replay = choose("replay", subject, batch)
    assert isinstance(replay, ReplayEngine)
    what = list(everything(subject.shape, at))
    expected = ReferenceEngine(subject, batch).measure(what)
    found = replay.measure(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())
    moved = np.abs(
        found
        - np.where([[i.run == "clean"] for i in what], replay.base.clean.logit_diff, replay.base.corrupt.logit_diff)
    )
    if at in (None, "END"):  # elsewhere causality forbids most of it in the last layer
        assert (moved.max(1) > 1e-4).mean() > 0.4


@pytest.mark.parametrize("at", [None, "X", 4])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_path(architecture, at, subjects):
    subject, batch = subjects[architecture], prompts(count=5, seed=3)
    what = list(paths(subject.shape, at))
    expected = ReferenceEngine(subject, batch).measure(what)
    found = choose("replay", subject, batch).measure(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_on_the_left(architecture, subjects):
    """The same prompts padded on either side, in either engine, give the same."""
    subject, batch = subjects[architecture], prompts(count=5, seed=3)
    what = [*everything(subject.shape, None), *everything(subject.shape, "Y"), *everything(subject.shape, 3)][::3]
    what += list(paths(subject.shape, "X"))[::3]
    expected = ReferenceEngine(subject, batch).measure(what)
    limit = TOLERANCE * max(1, np.abs(expected).max())
    reference = ReferenceEngine(subject, batch, padding="left")
    assert np.abs(reference.measure(what) - expected).max() < limit
    replay = ReplayEngine(subject, batch, trusted(subject), padding="left")
    assert np.abs(replay.measure(what) - expected).max() < limit


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_base_runs_and_attention(architecture, subjects):
    subject, batch = subjects[architecture], prompts(count=5, seed=4)
    replay, reference = choose("replay", subject, batch), ReferenceEngine(subject, batch)
    for side in ("clean", "corrupt"):
        expected = reference.base_logits(side)
        assert (replay.base_logits(side) - expected).abs().max() < TOLERANCE * expected.abs().max()
    for head in all_nodes("head", subject.shape):
        real = replay.real.float()
        mask = real[:, :, None] * real[:, None, :]
        torch.testing.assert_close(
            replay.attention(head) * mask, reference.attention(head) * mask, atol=TOLERANCE, rtol=0
        )


@given(
    architecture=st.sampled_from(sorted(ARCHITECTURES)),
    count=st.integers(2, 6),
    seed=st.integers(0, 10**6),
    foils=st.integers(1, 4),
    ragged=st.booleans(),
    at=st.sampled_from([None, "X", "Y", "END"]),
    data=st.data(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_shapes_positions_and_sizes(subjects, architecture, count, seed, foils, ragged, at, data):
    subject = subjects[architecture]
    batch = prompts(count=count, seed=seed, foils=foils, ragged=ragged)
    candidates = list(everything(subject.shape, at))
    what = data.draw(st.lists(st.sampled_from(candidates), min_size=1, max_size=6))
    expected = ReferenceEngine(subject, batch).measure(what)
    found = choose("replay", subject, batch).measure(what)
    assert np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


def test_the_result_does_not_depend_on_the_chunking(subjects):
    subject, batch = subjects["gelu"], prompts(count=5, seed=5)
    what = [denoise(node) for node in all_nodes("neuron", subject.shape)]
    whole = choose("replay", subject, batch).measure(what)
    np.testing.assert_allclose(choose("replay", subject, batch, memory=1).measure(what), whole, atol=1e-5)


def test_a_model_that_is_not_reproduced_is_left_to_the_reference(monkeypatch):
    other = subject("gelu")
    monkeypatch.setitem(other.bridge.cfg.__dict__, "act_fn", "relu")
    assert trusted(other) is None
    assert choose("auto", other, prompts(count=2, seed=0)).name == "reference"


def test_an_intervention_has_no_effect_where_causality_forbids_it(subjects):
    subject, batch = subjects["gelu"], prompts(count=5, seed=6)
    replay = choose("replay", subject, batch)
    last = subject.shape.n_layers - 1
    unmoved = replay.measure([Intervention((Node(last, "head", 0),), "X", "clean", "zero")])
    np.testing.assert_array_equal(unmoved[0], replay.base.clean.logit_diff)
