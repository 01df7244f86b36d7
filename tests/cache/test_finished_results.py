"""The results of a behaviour on a model are stored under a key that any change of what they depend on changes."""

import dataclasses
import importlib.metadata
import json
import shutil

import numpy as np
import pytest

from mi_checks.cache import code_digest, finished_results
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.finished_results import (
    RESULT_LIBRARIES,
    RESULT_SOURCES,
    RESULTS_ARRAY,
    FinishedResults,
    behaviour_digest,
    read_results,
    results_key,
    write_results,
)
from mi_checks.models.model_files import file_digests
from mi_checks.models.model_names import NANO_FOLDER, resolve
from mi_checks.results.run import FileLine, GuardResult, Lint, ModelGuards
from mi_checks.spec.additions import Additions
from mi_checks.spec.load_file import load_behaviour
from tests.effects import around, effect, evidence_of
from tests.made_results import result

TEXT = """\
name: ab
summary: a
prompts:
  count: 2
  variables:
    A: {file: rows.csv}
    B: {pool: mine}
  template: "a{{ A.word }}"
  corrupt: {A.word: B}
  answer: "{{ A.next }}"
  foils: ["{{ B }}"]
checks:
  - logit_diff: {at_least: 0}
models:
  nano-attn-1l: {}
"""
ROWS = "word,next\n x, y\n z, w\n"
GIVEN = {
    "behaviour": "digest",
    "model": ("nano-attn-1l", "nano-attn-1l", "bundled"),
    "files": {"config.json": "1"},
    "settings": {"count": None, "seed": None, "dtype": "float32", "engine": "auto"},
    "roles": {"induction": {"L1H1": 0.9}},
    "items": ("logit_diff", "baseline"),
}
VALUES = around(2.0)
LINT = Lint("ab", "nano-attn-1l", "answer", "it is unlikely", FileLine("ab.yaml", 3))
GUARDS = ModelGuards("2 prompts", (GuardResult("heads", 1e-7, 1e-4, ("head",), ""),))


def behaviour(folder, text=TEXT, rows=ROWS, pool=(" p", " q"), name="ab"):
    (folder / "rows.csv").write_text(rows, encoding="utf-8")
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_behaviour(folder / f"{name}.yaml", folder, added=Additions(pools={"mine": pool}))


def finished():
    return FinishedResults(
        (result("accuracy", VALUES, at_least=9, message="fail: \ud800"),),
        evidence_of(effect("nano-attn-1l", VALUES)),
        (LINT,),
        {"engine": "replay"},
        GUARDS,
    )


def test_the_same_again_has_the_same_key(tmp_path):
    assert results_key(**GIVEN) == results_key(**{**GIVEN, "items": ("baseline", "logit_diff")})
    assert behaviour_digest(behaviour(tmp_path)) == behaviour_digest(behaviour(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"behaviour": "other"},
        {"model": ("nano-attn-1l=folder", "nano-attn-1l", "folder")},
        {"files": {"config.json": "2"}},
        {"files": {"config.json": "1", "tokenizer.json": "1"}},
        *({"settings": {**GIVEN["settings"], name: 7}} for name in GIVEN["settings"]),
        {"roles": {"induction": {"L1H1": 0.8}}},
        {"roles": {"induction": {"L1H1": 0.9, "L1H2": 0.9}}},
        {"roles": {}},
        {"items": ("logit_diff",)},
        {"items": ("logit_diff", "baseline", "accuracy")},
    ],
    ids=str,
)
def test_anything_else_has_another_key(change):
    assert results_key(**{**GIVEN, **change}) != results_key(**GIVEN)


@pytest.mark.parametrize(
    "change",
    [
        {"text": TEXT.replace("summary: a", "summary: b")},
        {"text": f"# a comment moves every line\n{TEXT}"},
        {"text": TEXT.replace("at_least: 0", "at_least: 1")},
        {"rows": ROWS.replace(" w", " v")},
        {"pool": (" p", " r")},
        {"name": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_behaviour_has_another_digest(tmp_path, change):
    before = behaviour_digest(behaviour(tmp_path))
    assert behaviour_digest(behaviour(tmp_path, **change)) != before


def test_another_parent_file_has_another_digest(tmp_path):
    child = "extends: ab.yaml\nname: child\n"
    behaviour(tmp_path)
    before = behaviour_digest(behaviour(tmp_path, child, name="child"))
    (tmp_path / "ab.yaml").write_text(TEXT.replace("at_least: 0", "at_least: 1"), encoding="utf-8")
    assert behaviour_digest(behaviour(tmp_path, child, name="child")) != before


def test_a_project_s_own_score_has_no_digest(tmp_path):
    loaded = dataclasses.replace(behaviour(tmp_path), score=len)
    with pytest.raises(ValueError, match="ab is scored by the project"):
        behaviour_digest(loaded)


def test_other_code_or_libraries_have_another_key(tmp_path, monkeypatch):
    before = results_key(**GIVEN)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.1")
    code_digest.code_digest.cache_clear()
    try:
        libraries = results_key(**GIVEN)
        assert libraries != before
        shutil.copytree(code_digest.PACKAGE, tmp_path / "code", ignore=shutil.ignore_patterns("nano", "__pycache__"))
        monkeypatch.setattr(code_digest, "PACKAGE", tmp_path / "code")
        code_digest.code_digest.cache_clear()
        assert results_key(**GIVEN) == libraries
        with (tmp_path / "code/output/numbers.py").open("a", encoding="utf-8") as file:
            file.write("# another wording")
        code_digest.code_digest.cache_clear()
        assert results_key(**GIVEN) != libraries
    finally:
        code_digest.code_digest.cache_clear()


def test_all_sources_exist():
    assert code_digest.code_digest(RESULT_SOURCES, RESULT_LIBRARIES)
    assert finished_results.OPTIONAL_LIBRARIES


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", "tokenizer.json", "special_tokens_map.json"])
def test_a_model_is_identified_by_all_of_its_files(tmp_path, file):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(NANO_FOLDER / "nano-attn-1l" / name, tmp_path / name)
    model = resolve(str(tmp_path))
    before = file_digests(model)
    with (tmp_path / file).open("ab") as opened:
        opened.write(b" ")
    assert before is not None
    assert file_digests(model) not in (None, before)


def test_a_checkpoint_is_identified_by_its_weights():
    models = [file_digests(resolve(name)) for name in ("nano-attn-2l", "nano-attn-2l@200", "nano-attn-2l@400")]
    assert len({str(each) for each in models}) == 3


@pytest.mark.parametrize("name", ["EleutherAI/pythia-14m", "gelu-1l"])
def test_a_model_on_the_hub_is_not_identified(name):
    assert file_digests(resolve(name)) is None


def test_a_model_without_weights_is_not_identified(tmp_path):
    shutil.copy(NANO_FOLDER / "nano-attn-1l/config.json", tmp_path / "config.json")
    assert file_digests(resolve(str(tmp_path))) is None


def test_what_is_stored_is_read_equal(tmp_path):
    store = CacheStore(tmp_path)
    write_results(store, "key", finished())
    assert read_results(store, "key") == finished()
    assert read_results(store, "other") is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-20],
        lambda text: "{}",
        lambda text: "[]",
        lambda text: json.dumps({**json.loads(text), "evidence": {"behaviour": "ab"}}),
        lambda text: text.replace('"kind": "accuracy"', '"kind": 7'),
    ],
    ids=["shorter", "empty", "list", "evidence", "kind"],
)
def test_a_garbled_entry_counts_as_absent(tmp_path, spoil):
    store = CacheStore(tmp_path)
    write_results(store, "key", finished())
    text = store.read("key")[RESULTS_ARRAY].tobytes().decode()
    store.write("key", {RESULTS_ARRAY: np.frombuffer(spoil(text).encode(), dtype=np.uint8)})
    assert read_results(store, "key") is None


def test_a_number_that_is_not_finite_is_not_stored(tmp_path):
    broken = dataclasses.replace(finished(), results=(result("accuracy", None, per_prompt=(float("nan"),)),))
    write_results(CacheStore(tmp_path), "key", broken)
    assert not list(tmp_path.iterdir())
