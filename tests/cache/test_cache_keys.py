"""A change of anything that a measurement depends on is another key."""

import importlib.metadata
from dataclasses import replace

import pytest

from mi_checks.cache import cache_keys as keys
from mi_checks.cache.cache_keys import measurement_key, prompts_key
from mi_checks.cache.code_digest import code_digest
from mi_checks.models.load_model import load
from mi_checks.mutants.judge_mutants import MUTATION_CODE
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.spec.load_file import load_behaviours
from mi_checks.studies.discovery.explorer import ESTIMATE_SOURCES

TEXT = """\
name: ab
summary: a
prompts:
  count: 2
{more}
  variables:
    A: {{file: rows.csv}}
    B: {{file: rows.csv, differs_from: A}}
  template: "a{{{{ A.word }}}}"
  corrupt: {{A: B}}
  answer: "{{{{ A.next }}}}"
  foils: ["{{{{ B.next }}}}"]
checks:
  - logit_diff: {{at_least: 0}}
models:
  nano-attn-1l: {{}}
"""
PROMPT = Prompt("a b", (0, 5, 6), ("<s>", "a", " b"), {"A": (1,), "END": (2,)})
OTHER = replace(PROMPT, text="a c", tokens=(0, 5, 7))
PAIR = PromptPair(PROMPT, OTHER, ("c",), ("d",), ((8,),), ((9,),))
BATCH = PromptBatch((PAIR, PAIR))


@pytest.fixture(scope="module")
def loaded_model():
    return load("nano-attn-1l")


def test_the_same_again_is_the_same_key(loaded_model):
    assert measurement_key(loaded_model, BATCH, "auto") == measurement_key(load("nano-attn-1l"), BATCH, "auto")


@pytest.mark.parametrize("field", ["weights_sha256", "tokenizer_sha256", "dtype", "device", "mode"])
def test_another_model(loaded_model, field):
    other = replace(loaded_model, provenance=replace(loaded_model.provenance, **{field: "another"}))
    assert measurement_key(other, BATCH, "auto") != measurement_key(loaded_model, BATCH, "auto")


def test_the_same_weights_read_otherwise():
    """The configuration is in another file than the weights: an activation changed there changes what is measured."""
    loaded_model = load("nano-gelu-1l")
    before = measurement_key(loaded_model, BATCH, "auto")
    loaded_model.bridge.cfg.act_fn = "relu"
    assert measurement_key(loaded_model, BATCH, "auto") != before


def test_other_prompts_or_another_engine(loaded_model):
    assert measurement_key(loaded_model, PromptBatch((PAIR,)), "auto") != measurement_key(loaded_model, BATCH, "auto")
    assert measurement_key(loaded_model, BATCH, "reference") != measurement_key(loaded_model, BATCH, "auto")


def test_other_code(loaded_model, tmp_path, monkeypatch):
    before = measurement_key(loaded_model, BATCH, "auto")
    for part in keys.MEASUREMENT_SOURCES:
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "engine" / "replay.py").write_text("# another way")
    monkeypatch.setattr("mi_checks.cache.code_digest.PACKAGE", tmp_path)
    code_digest.cache_clear()
    try:
        assert measurement_key(loaded_model, BATCH, "auto") != before
    finally:
        code_digest.cache_clear()


def test_other_libraries(loaded_model, monkeypatch):
    before = measurement_key(loaded_model, BATCH, "auto")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.1")
    code_digest.cache_clear()
    try:
        assert measurement_key(loaded_model, BATCH, "auto") != before
    finally:
        code_digest.cache_clear()


def test_a_missing_source_raises():
    with pytest.raises(LookupError, match="a cache key names source files that do not exist in mi_checks: engines"):
        code_digest(("engine", "engines"), ())


@pytest.mark.parametrize(
    "sources",
    [keys.MEASUREMENT_SOURCES, keys.PROMPT_SOURCES, keys.INTERVAL_SOURCES, MUTATION_CODE, ESTIMATE_SOURCES],
)
def test_all_sources_exist(sources):
    assert code_digest(sources, ())


@pytest.mark.parametrize(
    "other",
    [
        PromptBatch((PAIR,)),
        replace(BATCH, foil_reduction="max"),
        replace(BATCH, answer_reduction="max"),
        replace(BATCH, score="log_probability"),
        replace(BATCH, by_labels=True),
        PromptBatch((PAIR, replace(PAIR, clean=replace(PROMPT, tokens=(0, 5, 9))))),
        PromptBatch((PAIR, replace(PAIR, corrupt=replace(OTHER, labels={"A": (2,), "END": (2,)})))),
        PromptBatch((PAIR, replace(PAIR, answer_tokens=((7,),)))),
        PromptBatch((PAIR, replace(PAIR, foil_tokens=((7,), (9,)), foils=("d", "e")))),
    ],
)  # fmt: skip
def test_other_prompts(other):
    assert other.sha256 != BATCH.sha256


def test_equal_prompts():
    again = replace(PAIR, clean=replace(PROMPT, labels=dict(reversed(PROMPT.labels.items()))))
    assert PromptBatch((again, PAIR)).sha256 == BATCH.sha256


def test_prompts_made_otherwise_are_others(loaded_model, tmp_path):
    path = tmp_path / "behaviours" / "ab.yaml"
    path.parent.mkdir()

    def of(more="", **given):
        path.write_text(TEXT.format(more=more))
        prompts = load_behaviours(path, tmp_path)[0].behaviour.prompts
        return prompts_key(prompts, given.pop("loaded_model", loaded_model), **{"count": 2, "seed": None, **given})

    def rows(text):
        (path.parent / "rows.csv").write_text(text)

    rows("word,next\n cat, dog\n cow, hen\n")
    assert of() == of()
    other = replace(loaded_model, provenance=replace(loaded_model.provenance, tokenizer_sha256="another"))
    different = {
        of(),
        of(count=3),
        of(seed=1),
        of(more="  seed: 3"),
        of(loaded_model=other),
        of(loaded_model=replace(loaded_model, n_ctx=9)),
    }
    rows("word,next\n cat, dog\n cow, ape\n")  # the file's rows are no part of the behaviour file
    assert len({*different, of()}) == 7
