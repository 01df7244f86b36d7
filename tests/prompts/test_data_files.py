"""Prompts from the rows of a data file."""

from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.load_file import load_behaviour

BEHAVIOUR = """\
name: agreement
summary: "the keys … are"
prompts:
  variables:
    case: {file: cases.csv, where: [single_token]}
    other: {file: cases.csv, differs_from: case}
  template: "the{{ case.noun | at('noun') }} of {{ case.number }}"
  corrupt: {case.noun: other.noun}
  answer: "{{ case.noun }}"
  foils: ["{{ other.noun }}"]
checks:
  - logit_diff: {at_least: 0}
models: {nano-attn-2l: {}}
"""


def built(folder: Path, csv: str, tokenization: Tokenization) -> PromptBatch:
    (folder / "x.yaml").write_text(BEHAVIOUR)
    (folder / "cases.csv").write_text(csv)
    loaded = load_behaviour(folder / "x.yaml")
    return build_prompts(loaded.behaviour.prompts, tokenization, behaviour="agreement")


def test_of_ten_thousand_rows_only_those_that_are_drawn_are_tokenized(
    tmp_path: Path, tokenization: Tokenization, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    encode = Tokenization._raw
    monkeypatch.setattr(Tokenization, "_raw", lambda self, text: (texts.append(text), encode(self, text))[1])
    words = [text for _, text in tokenization.word_tokens()]
    digits = "0123456789"
    rows = [f"{words[n % len(words)]},{digits[n // len(words)]}" for n in range(min(10_000, 10 * len(words)))]
    batch = built(tmp_path, "noun,number\n" + "\n".join(rows), tokenization)
    assert len(texts) < 2 * len(rows) + 1000  # `where` asks of each field once
    assert len(batch) == 64
    text = batch.pairs[0].clean.text
    assert f"{text.removeprefix('the').partition(' of ')[0]},{text[-1]}" in rows


def test_no_row_passes_the_predicates(tmp_path: Path, tokenization: Tokenization) -> None:
    with pytest.raises(MiChecksError, match=r"candidates: 1 from the file 'cases\.csv'; `single_token` removed 1"):
        built(tmp_path, "noun,number\nClaire,1\n", tokenization)


def test_only_a_loaded_behaviour_has_rows(tokenization: Tokenization) -> None:
    prompts = Prompts.model_validate(
        {"variables": {"c": {"file": "c.csv"}}, "template": "{{ c.a }}", "corrupt": {"c.a": "c.b"}}
        | {"answer": "{{ c.a }}", "foils": ("x",)}
    )
    with pytest.raises(
        MiChecksError,
        match="variable 'c' has no rows yet; load the behaviour with load_behaviour, which reads its file",
    ):
        build_prompts(prompts, tokenization, behaviour="demo")
