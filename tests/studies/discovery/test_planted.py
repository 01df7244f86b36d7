"""Discovery finds what was planted: every node and edge and no other, and a redundant pair as what it is."""

import math

import pytest
import torch

from mi_checks.studies.discovery.discovery import explore
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from tests.planting.placements import AND_NEURON, PLACEMENTS, REDUNDANT_PAIR

PAIRS = 160  # enough for the family of all neurons, denoised and noised


@pytest.fixture(scope="module")
def found_at():
    """A placement's name → what was planted, and what is discovered there; each is made once."""
    torch.set_num_threads(1)
    made = {}

    def get(name):
        if name not in made:
            planted = PLACEMENTS[name]()
            made[name] = (
                planted,
                explore(
                    planted.behaviour(), planted.loaded_model, DiscoveryOptions(count=PAIRS, exact_seconds=math.inf)
                ),
            )
        return made[name]

    return get


def test_there_are_placements_enough():
    assert len(PLACEMENTS) >= 30


@pytest.mark.parametrize("name", PLACEMENTS)
def test_exactly_the_planted_nodes_and_edges_are_found(name, found_at):
    planted, discovery = found_at(name)
    assert discovery.mechanism.nodes == planted.nodes
    assert set(discovery.mechanism.edges) == set(planted.edges)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_only_a_redundant_pair_is_called_redundant(name, found_at):
    planted, discovery = found_at(name)
    pair = planted.roles["previous_token"] if name in REDUNDANT_PAIR else ()
    assert discovery.mechanism.redundant == ((tuple(sorted(pair)),) if pair else ())


@pytest.mark.parametrize("name", PLACEMENTS)
def test_the_circuit_is_what_was_planted_of_heads(name, found_at):
    """Of a redundant pair one head suffices. Where all clean prompts have one a, the mean of what is fetched is what is
    fetched, and ablating every head takes nothing away."""
    planted, discovery = found_at(name)
    heads = {node for node in planted.nodes if node.kind == "head"}
    circuit = set(discovery.mechanism.circuit.nodes)
    if name in REDUNDANT_PAIR:
        assert circuit < heads
        assert len(circuit) == len(heads) - 1
        assert set(planted.roles["induction"]) < circuit
    elif name in AND_NEURON:
        assert not circuit
        why = discovery.mechanism.circuit.reason
        assert why.startswith("ablating every head has no significant effect: m(M) − m(∅)")
        assert "use zero ablation, or swap the clean and the corrupted prompt in half of the pairs" in why
    else:
        assert circuit == heads


@pytest.mark.parametrize("name", PLACEMENTS)
def test_the_draft_claims_all_of_it(name, found_at):
    planted, discovery = found_at(name)
    kinds = [next(iter(line.entry)) for line in discovery.draft.lines]
    assert kinds.count("path") == len(planted.edges)
    assert kinds.count("mediators") == len({node.kind for node in planted.nodes})
    assert kinds.count("ablation") == (3 if name in REDUNDANT_PAIR else 0)
    assert ("circuit" in kinds) == (name not in AND_NEURON)
