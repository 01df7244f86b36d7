"""Path patching finds the edges that were planted, of all that the model has, and no others."""

import numpy as np
import pytest

from mi_checks.engine.interventions import denoise, noise
from tests.planting.placements import PLACEMENTS, all_edges

ABOVE = 0.1  # of clean − corrupt
BY_HOOKS = (
    "induction-2l-1-0",
    "induction-2l-decoy",
    "skip-trigram-2l-1-2",
    "and-neuron-1l-0-0-0-5-a",
    "redundant-pair-outer",
)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_only_planted_edges_carry_anything(name, planted_at):
    """A path alone may carry more than everything together, where noise takes some of it back."""
    planted = planted_at(name)
    edges = all_edges(planted.loaded_model.shape)
    assert set(planted.edges) <= set(edges)
    shares = planted.shares([denoise(sender, into=(receiver,)) for sender, receiver in edges])
    for edge, share in zip(edges, shares, strict=True):
        low, high = (0.9, np.inf) if edge in planted.edges else (-ABOVE, ABOVE)
        assert low < share < high, " → ".join(map(str, edge))


@pytest.mark.parametrize("name", BY_HOOKS)
def test_hooks_find_the_same_edges(name, planted_at):
    """TransformerLens' hooks and the replayed function agree on every edge, patched and noised."""
    planted = planted_at(name)
    edges = all_edges(planted.loaded_model.shape)
    for patched in (denoise, noise):
        paths = [patched(sender, into=(receiver,)) for sender, receiver in edges]
        by_hooks, replayed = (planted.shares(paths, engine) for engine in ("reference", "replay"))
        np.testing.assert_allclose(by_hooks, replayed, atol=1e-4)
        assert (np.abs(by_hooks) > ABOVE).any()


@pytest.mark.parametrize("name", BY_HOOKS)
def test_hooks_find_the_same_mediators(name, planted_at, verdict):
    planted = planted_at(name)
    for component in {node.kind for node in planted.nodes}:
        claimed = [str(node) for node in planted.nodes if node.kind == component]
        claim = verdict(planted, "mediators", engine="reference", component=component, above=ABOVE, exactly=claimed)
        assert (claim.outcome, claim.reason) == ("pass", "")
