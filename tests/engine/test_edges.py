"""Circuits of edges: both engines agree with each other, and with node ablation where it is equivalent."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.interventions import EdgeCircuit, ablate, all_edges
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from tests.engine.cases import ARCHITECTURES, KINDS, TOLERANCE, native, prompts, random_circuits

ENGINES = ("replay", "reference")


@pytest.fixture(scope="session")
def loaded_models():
    return {name: native(name) for name in ARCHITECTURES}


def close(found, expected):
    return np.abs(found - expected).max() < 2 * TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_both_engines_agree(architecture, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=4, seed=3)
    circuits = list(random_circuits(loaded_model))
    replay = choose_engine("replay", loaded_model, batch)
    expected = ReferenceEngine(loaded_model, batch).edge_scores(circuits)
    assert isinstance(replay, ReplayEngine)
    assert close(replay.edge_scores(circuits), expected)
    assert (np.abs(expected - replay.unpatched.clean.logit_diff).max(1) > 1e-3).all()
    assert close(choose_engine("replay", loaded_model, batch, memory=1).edge_scores(circuits), expected)


@given(
    architecture=st.sampled_from(["attention only", "gelu", "llama", "no norm"]),
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(KINDS),
    mlps=st.booleans(),
    data=st.data(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_circuits_and_prompts(loaded_models, architecture, seed, kind, mlps, data):
    loaded_model, batch = loaded_models[architecture], prompts(count=3, seed=seed)
    edges = all_edges(loaded_model.shape, mlps=mlps)
    drawn = data.draw(st.lists(st.lists(st.sampled_from(edges), unique=True), min_size=1, max_size=3))
    circuits = [EdgeCircuit(tuple(some), kind, mlps) for some in drawn]
    expected = ReferenceEngine(loaded_model, batch).edge_scores(circuits)
    assert close(choose_engine("replay", loaded_model, batch).edge_scores(circuits), expected)


@pytest.mark.parametrize("architecture", ["gelu", "llama"])
def test_padding_on_the_left(architecture, loaded_models):
    loaded_model, batch = loaded_models[architecture], prompts(count=4, seed=3)
    circuits = list(random_circuits(loaded_model))
    expected = choose_engine("replay", loaded_model, batch).edge_scores(circuits)
    assert close(
        ReplayEngine(loaded_model, batch, replayable_model(loaded_model), padding="left").edge_scores(circuits),
        expected,
    )
    assert close(ReferenceEngine(loaded_model, batch, padding="left").edge_scores(circuits[::4]), expected[::4])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("architecture", ["attention only", "gelu", "llama", "one layer"])
def test_a_circuit_of_all_edges_is_the_clean_run(architecture, engine, loaded_models):
    measured = choose_engine(engine, loaded_models[architecture], prompts(count=4, seed=3))
    shape = measured.loaded_model.shape
    circuits = [EdgeCircuit(all_edges(shape, mlps=mlps), kind, mlps) for kind in KINDS for mlps in (False, True)]
    assert close(measured.edge_scores(circuits), measured.unpatched.clean.logit_diff)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_all_edges_among_some_heads_equal_ablation_of_the_others(kind, engine, loaded_models):
    """Without MLPs, what the other heads read does not matter, and what they write is ablated for every reader."""
    measured = choose_engine(engine, loaded_models["attention only"], prompts(count=4, seed=3))
    shape = measured.loaded_model.shape
    heads = all_nodes("head", shape)
    for members in (heads[::2], heads[1:7], heads[:1], []):
        others = [head for head in heads if head not in members]
        inside = {(head.layer, head.index) for head in members}
        edges = tuple(
            (sender, reader)
            for sender, reader in all_edges(shape, mlps=False)
            if sender in members and (reader == LOGITS or (reader.layer, reader.index) in inside)
        )
        found = measured.edge_scores([EdgeCircuit(edges, kind, mlps=False)])
        assert close(found, measured.scores([ablate(*others, kind=kind)]))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("architecture", ["attention only", "gelu", "llama"])
def test_all_edges_but_one_equal_ablation_along_that_edge(architecture, engine, loaded_models):
    measured = choose_engine(engine, loaded_models[architecture], prompts(count=4, seed=3))
    for mlps in (False, True):
        edges = all_edges(measured.loaded_model.shape, mlps=mlps)
        for number, kind in enumerate(KINDS):
            left_out = edges[number :: len(edges) // 5]
            circuits = [EdgeCircuit(tuple(e for e in edges if e != edge), kind, mlps) for edge in left_out]
            paths = [ablate(sender, kind=kind, into=(receiver,)) for sender, receiver in left_out]
            found, expected = measured.edge_scores(circuits), measured.scores(paths)
            assert close(found, expected)
            assert np.abs(expected - measured.unpatched.clean.logit_diff).max() > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_no_edges_into_the_logits_leave_the_embedding_and_the_biases(engine, loaded_models):
    """If every head and MLP is a node, this equals ablating all of them for every reader."""
    measured = choose_engine(engine, loaded_models["gelu"], prompts(count=4, seed=3))
    shape = measured.loaded_model.shape
    nodes = [*all_nodes("head", shape), *(Node(layer, "mlp") for layer in range(shape.n_layers))]
    for kind in KINDS:
        found = measured.edge_scores([EdgeCircuit((), kind, mlps=True)])
        assert close(found, measured.scores([ablate(*nodes, kind=kind)]))


HEAD = Node(0, "head", 1)


@pytest.mark.parametrize(
    ("edges", "mlps", "message"),
    [
        (
            [(Node(1, "head", 0), Node(1, "q", 1))],
            True,
            "there is no edge from L1H0 to L1H1.q, because L1H1.q does not come after it",
        ),
        (
            [(HEAD, Node(0, "mlp"))],
            False,
            "an edge of this circuit must end at a head's q, k or v or the logits, not at L0.mlp",
        ),
        ([(Node(0, "mlp"), LOGITS)], False, "an edge of this circuit must start at a head, not at L0.mlp"),
        ([(Node(0, "neuron", 3), LOGITS)], True, "an edge of this circuit must start at a head or an MLP, not at L0N3"),
        (
            [(HEAD, Node(1, "head", 1))],
            True,
            "an edge of this circuit must end at a head's q, k or v, an MLP or the logits, not at L1H1",
        ),
        ([(HEAD, LOGITS), (HEAD, LOGITS)], False, "the edge from L0H1 to logits is listed twice"),
    ],
)
def test_what_is_not_an_edge_is_an_error(edges, mlps, message):
    with pytest.raises(ValueError, match="edge") as error:
        EdgeCircuit(tuple(edges), "zero", mlps)
    assert str(error.value) == message
