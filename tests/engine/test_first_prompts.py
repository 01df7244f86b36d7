"""An engine for the first prompts of another engine reuses its runs, and measures the same as a new engine."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.clean_run_quantities import AttentionPattern
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.engine.replay.replay_engine import ReplayEngine
from tests.engine.cases import ARCHITECTURES, TOLERANCE, everything, native, paths, prompts

FIRST = 3


def interventions(loaded_model):
    return [what for at in (None, "X", "END") for what in (*everything(loaded_model, at), *paths(loaded_model, at))][
        ::11
    ]


@pytest.mark.parametrize("padding", ["right", "left"])
@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_it_measures_the_same_as_a_new_engine(architecture, measured, padding):
    loaded_model, batch = native(architecture), prompts(count=7, seed=11)
    whole = ReplayEngine(loaded_model, batch, choose_engine("replay", loaded_model, batch).model, padding=padding)
    some = replace(batch, pairs=batch.pairs[:FIRST])
    what = interventions(loaded_model)
    if measured:
        whole.scores(what)
    found, new = whole.with_first_prompts(some), choose_engine("replay", loaded_model, some)
    assert found.width < whole.width
    head = all_nodes("head", loaded_model.shape)[-1]
    for one, other in (
        (found.unpatched.effect_size, new.unpatched.effect_size),
        (found.measure(AttentionPattern(head, 1)), new.measure(AttentionPattern(head, 1))),
        (found.scores(what), new.scores(what)),
    ):
        np.testing.assert_allclose(one, other, atol=TOLERANCE * max(1, np.abs(other).max()))


def test_results_of_earlier_runs_are_reused():
    loaded_model, batch = native("gelu"), prompts(count=7, seed=11)
    whole = choose_engine("replay", loaded_model, batch)
    whole.scores([denoise(node) for node in all_nodes("head", loaded_model.shape)])
    found = whole.with_first_prompts(replace(batch, pairs=batch.pairs[:FIRST]))
    for side, run in found.passes.items():
        theirs = whole.passes[side]
        assert len(run._layers) == len(theirs._layers) == 2
        for own, other in zip(run._layers, theirs._layers, strict=True):
            made = {name for name in other.__dict__ if not name.startswith("_")} - {
                "whole"
            }  # put together from the rest
            assert {name for name in own.__dict__ if not name.startswith("_")} == made
