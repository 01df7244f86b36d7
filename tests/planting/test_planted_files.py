"""A planted model as files: what begins with a behaviour file and a model's name can be shown one."""

import pytest
import torch

from mi_checks.models.load_model import load
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.load_file import load_behaviours
from mi_checks.spec.model_validation import check_models, check_shapes

KINDS = ("induction-3l-late", "skip-trigram-2l-0-1", "and-neuron-2l-0-1-0-15-a", "redundant-pair-outer")


@pytest.mark.parametrize("name", KINDS)
def test_a_written_model_is_the_same_model(name, planted_at, tmp_path):
    planted = planted_at(name)
    file, model = planted.write(tmp_path, {"patching": {"nodes": [*planted.roles], "recovers": {"at_least": 0.8}}})
    (loaded,) = load_behaviours(file)
    loaded_model = load(str(model), device="cpu")
    assert check_models(loaded, ()) == check_shapes(loaded, {str(model): loaded_model.shape}) == ()
    assert loaded_model.shape == planted.loaded_model.shape
    batch = build_prompts(
        loaded.behaviour.prompts, loaded_model.tokenization, behaviour="planted", n_ctx=loaded_model.n_ctx
    )
    assert batch.sha256 == planted.batch.sha256
    tokens = torch.tensor([pair.clean.tokens for pair in batch.pairs])
    torch.testing.assert_close(loaded_model.bridge(tokens), planted.loaded_model.bridge(tokens))


def test_prompts_of_another_seed_are_others(planted_at):
    planted = planted_at(KINDS[0])
    more = planted.drawn(count=256, seed=1)
    assert len({pair.clean.text for pair in more.pairs}) == 256
    assert {pair.clean.text for pair in more.pairs}.isdisjoint(pair.clean.text for pair in planted.batch.pairs)
