"""A model with a tokenizer of its own, under which too few prompts are left."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from tests.models.written import llama, write_huggingface


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory):
    """A model that reads bytes, so that no word is one token."""
    folder = tmp_path_factory.mktemp("bytewise")
    write_huggingface(folder, llama())
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(["<s>", *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<s>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_it_is_skipped_with_the_count(project, bytewise):
    project.behaviour()
    result = project.run("--mi-model", str(bytewise), "-rs", "--mi-report", str(project.path / "report.html"))
    result.assert_outcomes(skipped=1)
    assert result.ret == 0
    result.stdout.fnmatch_lines_random(
        [
            f"SKIPPED *behaviours/ab.yaml:18: only 0 of the 16 requested prompt pairs survive the tok* of {bytewise}",
            "ab*–",
            "*– skipped*",
        ]
    )
    page = (project.path / "report.html").read_text(encoding="utf-8")
    assert "only 0 of the 16 requested prompt pairs survive" in page


def test_some_left_are_counted(project, bytewise):
    text = project.behaviour().replace("B: {tokens: random, differs_from: [pre, A]}", "B: {values: [x, y, z]}")
    text = text.replace("{tokens: random,", "{values: [a, b, c, d, e, f],").replace(", length: 3, distinct: true", "")
    project.copy("ab", text.replace("{tokens: random", "{values: [q, r]").replace("length: 3, distinct: true}", "}"))
    result = project.run("--mi-model", str(bytewise), "-rs", "--mi-count", "5000")
    result.assert_outcomes(skipped=1)
    pattern = r"SKIPPED.* only [1-9]\d* of the 5000 requested prompt pairs .*; --mi-count [1-9]\d* uses these"
    result.stdout.re_match_lines([pattern])


def test_on_a_model_that_the_behaviour_names_it_is_an_error(project):
    project.copy(
        "ab",
        project.behaviour().replace(
            "B: {tokens: random, differs_from: [pre, A]}", 'B: {values: [" zyzzyva"], where: [single_token]}'
        ),
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*no value is left for variable 'B'*"])
