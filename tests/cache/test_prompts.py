"""Prompts are recalled as they were made, or made anew."""

from pathlib import Path

import numpy as np
import pytest

from mi_checks.cache.drawn_prompts import recalled_prompts
from mi_checks.cache.store import Store
from mi_checks.models.load_model import load
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.spec.load_file import load_behaviours

ROOT = Path(__file__).parents[2]
# Of random tokens; from a data file, aligned by labels and scored in whole; quoted.
NAMES = ("induction", "capital", "trigram", "python_closing_bracket")


def unwanted():
    raise AssertionError("prompts were made")


@pytest.mark.parametrize("name", NAMES)
def test_recalled_prompts_are_those_that_were_made(name, tmp_path):
    loaded_model = load("nano-attn-1l")
    behaviour = load_behaviours(ROOT / "behaviours" / f"{name}.yaml", ROOT)[0].behaviour

    def build():
        return build_prompts(
            behaviour.prompts, loaded_model.tokenization, behaviour=name, count=4, n_ctx=loaded_model.n_ctx
        )

    made = recalled_prompts(Store(tmp_path), "key", loaded_model.tokenization, build)
    assert made == build()
    assert recalled_prompts(Store(tmp_path), "key", loaded_model.tokenization, unwanted) == made
    assert recalled_prompts(Store(tmp_path), "another", loaded_model.tokenization, build) == made


@pytest.mark.parametrize("kept", [b"", b"{}", b'{"pairs": [[1]]}', b'{"pairs": [], "score": "first_token"}'])
def test_what_is_no_prompts_is_made_anew(kept, tmp_path):
    batch = PromptBatch(())
    store = Store(tmp_path)
    store.write("key", {"prompts": np.frombuffer(kept, dtype=np.uint8)})
    assert recalled_prompts(store, "key", load("nano-attn-1l").tokenization, lambda: batch) is batch
