"""Whether an intervention changes anything, and whether the change can reach END, compared with measured effects."""

import numpy as np
import pytest
import torch

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.intervention_quantities import InterventionChanges
from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from tests.engine.cases import everything, multi_hop, native, paths, prompts

ARCHITECTURES = ("attention only", "gelu", "llama", "one layer")
PLACES = (None, "X", "Y", "END", 1)
FAINT = 1e-2  # logits


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_case_24_an_effect_is_zero_only_if_causality_forbids_it(architecture):
    """With random weights every causal connection has an effect, so an effect of zero has no other reason."""
    loaded_model = native(architecture)
    engine = choose_engine("replay", loaded_model, prompts(count=6, seed=3))
    tried = [each for at in PLACES for make in (everything, paths, multi_hop) for each in make(loaded_model, at)][::31]
    runs = np.array([getattr(engine.unpatched, each.run).logit_diff for each in tried])
    moved = np.abs(engine.scores(tried) - runs)
    changed, seen = (np.array([engine.measure(InterventionChanges(each)) for each in tried]) == 1).transpose(1, 0, 2)
    assert not (seen & ~changed).any()
    assert 0.1 < seen.mean() < 0.9
    assert moved[~seen].max() <= engine.unpatched.rounding.max()
    assert np.median(moved[seen]) > FAINT
    heard = np.where(seen, moved, 0).max(1)[seen.any(1)]
    assert (heard > engine.unpatched.rounding.max()).all()


@pytest.mark.parametrize("architecture", ["gelu", "llama"])
@pytest.mark.parametrize("padding", ["right", "left"])
def test_both_engines_see_the_same_changes(architecture, padding):
    loaded_model, batch = native(architecture), prompts(count=4, seed=5)
    replay = choose_engine("replay", loaded_model, batch)
    reference = ReferenceEngine(loaded_model, batch, padding=padding)
    for at in PLACES:
        for make in (everything, paths):
            for each in list(make(loaded_model, at))[::47]:
                np.testing.assert_array_equal(
                    replay.measure(InterventionChanges(each)),
                    reference.measure(InterventionChanges(each)),
                    err_msg=str(each),
                )


def test_nothing_changes_where_clean_and_corrupt_agree():
    """Before the first token that differs, and only there."""
    loaded_model = native("gelu")
    engine = choose_engine("replay", loaded_model, prompts(count=6, seed=3, first_difference=3))
    for node in (Node(0, "head", 1), Node(1, "mlp"), Node(1, "k", 0), Node(1, "resid_post")):
        for patch in (denoise, noise):
            assert engine.measure(InterventionChanges(patch(node, at=1))).tolist() == [[0.0] * 6] * 2
            assert engine.measure(InterventionChanges(patch(node))).tolist() == [[1.0] * 6] * 2


def test_a_mean_of_equal_activations_changes_nothing_beyond_rounding():
    """Prompts of one text: the mean over them is each of them, up to the order of additions."""
    loaded_model = native("gelu")
    batch = prompts(count=1, seed=1)
    engine = choose_engine("replay", loaded_model, type(batch)(batch.pairs * 7, "mean"))
    for kind in ("mean", "resample"):
        for node in (Node(0, "head", 1), Node(1, "neuron", 3), Node(0, "attn"), Node(1, "mlp")):
            assert not engine.measure(InterventionChanges(ablate(node, kind=kind))).any()
    assert engine.measure(InterventionChanges(ablate(Node(0, "head", 1), kind="zero"))).all()


def test_zero_ablation_of_an_empty_head_changes_nothing():
    loaded_model = native("attention only")
    loaded_model.bridge.blocks[0].attn.v.weight.data[:8] = 0
    loaded_model.bridge.blocks[0].attn.v.bias.data[:8] = 0
    engine = ReferenceEngine(loaded_model, prompts(count=3, seed=1))
    assert not engine.measure(InterventionChanges(ablate(Node(0, "head", 0), kind="zero"))).any()
    assert engine.measure(InterventionChanges(ablate(Node(0, "head", 0), Node(0, "head", 1), kind="zero"))).all()


def test_two_nodes_of_which_neither_reaches_end_change_nothing_there():
    """One is changed where it cannot reach END, and the other could reach END but is not changed."""
    loaded_model = native("gelu")
    engine = choose_engine("replay", loaded_model, prompts(count=4, seed=3, first_difference=3))
    late, early = Node(1, "head", 0), Node(0, "head", 0)
    found = engine.measure(InterventionChanges(denoise(late, at="X")))
    assert found.tolist() == [[1.0] * 4, [0.0] * 4]
    assert engine.measure(InterventionChanges(denoise(late, early, at="X"))).all()
    assert not engine.measure(InterventionChanges(denoise(late, early, at=1))).any()


def test_the_first_token_attends_to_itself_whatever_its_query():
    """Only one token precedes END; its query and key cannot reach END, and its value can."""
    loaded_model = native("gelu")
    engine = choose_engine("replay", loaded_model, prompts(count=4, seed=3, first_difference=0))
    batch = engine.batch
    for kind, seen in (("q", 0.0), ("k", 1.0), ("v", 1.0)):
        found = engine.measure(InterventionChanges(ablate(Node(0, kind, 0), kind="zero", at=0)))
        assert found.tolist() == [[1.0] * len(batch), [seen] * len(batch)]
        moved = engine.scores([ablate(Node(0, kind, 0), kind="zero", at=0)])[0] - engine.unpatched.clean.logit_diff
        assert (np.abs(moved).max() > 1e-4) == bool(seen)


def test_a_path_into_the_logits_is_read_at_end_alone():
    loaded_model = native("gelu")
    engine = choose_engine("replay", loaded_model, prompts(count=4, seed=3))
    sender = Node(0, "head", 1)
    assert engine.measure(InterventionChanges(denoise(sender, at="X", into=(LOGITS,)))).tolist() == [
        [1.0] * 4,
        [0.0] * 4,
    ]
    assert engine.measure(InterventionChanges(denoise(sender, at="END", into=(LOGITS,)))).all()
    through = denoise(sender, at="X", into=(Node(1, "v", 0),), onward=((LOGITS,),))
    assert engine.measure(InterventionChanges(through)).all()
    beside = denoise(sender, at="X", into=(Node(0, "mlp"),), onward=((LOGITS,),))
    assert engine.measure(InterventionChanges(beside)).tolist() == [[1.0] * 4, [0.0] * 4]


def test_half_precision_has_a_coarser_floor():
    loaded_model = native("gelu")
    loaded_model.bridge.to(torch.bfloat16)
    engine = ReferenceEngine(loaded_model, prompts(count=3, seed=1))
    assert engine.measure(InterventionChanges(denoise(Node(0, "head", 1)))).all()
    assert (engine.unpatched.rounding > 1e-2).all()
