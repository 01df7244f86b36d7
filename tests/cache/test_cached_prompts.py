"""Prompts are read from the cache as they were built, or built anew."""

from pathlib import Path

import numpy as np
import pytest

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_prompts_and_guards import cached_prompts
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
def test_cached_prompts_equal_those_that_were_built(name, tmp_path):
    loaded_model = load("nano-attn-1l")
    behaviour = load_behaviours(ROOT / "behaviours" / f"{name}.yaml", ROOT)[0].behaviour

    def build():
        return build_prompts(
            behaviour.prompts, loaded_model.tokenization, behaviour=name, count=4, n_ctx=loaded_model.n_ctx
        )

    made = cached_prompts(CacheStore(tmp_path), "key", loaded_model.tokenization, build)
    assert made == build()
    assert bool(made.factors) == (name != "induction")
    assert cached_prompts(CacheStore(tmp_path), "key", loaded_model.tokenization, unwanted) == made
    assert cached_prompts(CacheStore(tmp_path), "another", loaded_model.tokenization, build) == made


@pytest.mark.parametrize("kept", [b"", b"{}", b'{"pairs": [[1]]}', b'{"pairs": [], "score": "first_token"}'])
def test_what_is_no_prompts_is_made_anew(kept, tmp_path):
    batch = PromptBatch(())
    store = CacheStore(tmp_path)
    store.write("key", {"prompts": np.frombuffer(kept, dtype=np.uint8)})
    assert cached_prompts(store, "key", load("nano-attn-1l").tokenization, lambda: batch) is batch
