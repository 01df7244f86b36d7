"""Tokens that begin and end texts, and tokens that the model does not embed (cases 11 and 12)."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from mi_checks.errors import MiChecksError
from mi_checks.prompts.align import align_pair, tokenize_prompt
from mi_checks.prompts.batch import PromptPair
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import LabelledText, RenderedPair, parse_labels
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from tests.tokenizers_of_families import BEGINNINGS, MANNERS, tokenizer_of


def test_case_12_a_prompt_that_begins_with_the_beginning_of_text_token(of):
    for manner, begin in BEGINNINGS.items():
        tokenization = of[manner]
        with pytest.raises(
            MiChecksError, match="puts before every prompt of this model; remove it from the template"
        ) as error:
            tokenize_prompt(LabelledText(f"{begin}the cat", {}), tokenization)
        assert repr(begin) in str(error.value)
        # Anywhere else, and under a tokenizer that puts none there, it is a token like others.
        assert tokenize_prompt(LabelledText(f"the {begin}", {}), tokenization).tokens.count(tokenization.bos) == 2
        alone = tokenize_prompt(LabelledText(f"{begin}the cat", {}), Tokenization(tokenization.tokenizer, None))
        assert alone.tokens.count(tokenization.bos) == 1
        assert tokenize_prompt(LabelledText("the cat", {}), tokenization).tokens.count(tokenization.bos) == 1


@pytest.mark.parametrize("manner", ["t5", "bert"])
def test_case_12_what_a_tokenizer_writes_after_a_text_is_in_no_prompt(manner, of):
    tokenization = of[manner]
    end = tokenization.tokenizer.encode("the").ids[-1]
    assert tokenization.piece(end) in ("</s>", "[SEP]")
    assert end not in tokenize_prompt(LabelledText("the cat", {}), tokenization).tokens


def beyond(tokenizer, text):
    """The tokenizer with one token more than the model has rows for."""
    rows = max(tokenizer.get_vocab().values()) + 1
    tokenizer.add_special_tokens([text])
    return Tokenization(tokenizer, None, rows)


def test_case_11_only_prompts_that_use_a_token_beyond_the_embedding_are_refused():
    tokenization = beyond(tokenizer_of("gpt2"), "<image>")
    fine = align_pair(
        RenderedPair(parse_labels("the cat"), parse_labels("the dog"), (" the",), (" and",)), tokenization
    )
    assert isinstance(fine, PromptPair)
    for clean, corrupt, answer, where in (
        ("the<image> cat", "the<image> dog", " the", "the clean prompt"),
        ("the cat", "the<image>", " the", "the corrupt prompt"),
        ("the cat", "the dog", "<image>", "answer '<image>'"),
    ):
        outcome = align_pair(
            RenderedPair(parse_labels(clean), parse_labels(corrupt), (answer,), (" and",)), tokenization
        )
        assert isinstance(outcome, Rejection)
        assert outcome.kind == "no_embedding"
        assert outcome.detail.startswith(f"{where} contains the token '<image>' (id {tokenization.rows})")
    prompts = Prompts.model_validate(
        {
            "count": 4,
            "variables": {"A": {"tokens": "random"}, "B": {"tokens": "random", "differs_from": "A"}},
            "template": "<image>{{ A }}",
            "corrupt": {"A": "B"},
            "answer": "{{ A }}",
            "foils": ["{{ B }}"],
        }
    )
    with pytest.raises(MiChecksError, match=r"'<image>'.*the model has no embedding") as error:
        build_prompts(prompts, tokenization, behaviour="x")
    assert "write the prompts without that token" in str(error.value)


@pytest.mark.parametrize("manner", MANNERS)
def test_case_11_tokens_are_drawn_from_the_vocabulary_and_from_the_embedding(manner, of):
    tokenizer = of[manner].tokenizer
    vocabulary = tokenizer.get_vocab()
    rows = sorted(vocabulary.values())[len(vocabulary) * 3 // 4]
    short = Tokenization(tokenizer, None, rows)
    assert all(each < rows for each in short.drawable_tokens)
    assert {each for each, _ in short.word_tokens()} == {each for each, _ in of[manner].word_tokens() if each < rows}
    added = set(tokenizer.get_added_tokens_decoder())
    assert set(of[manner].drawable_tokens) == set(tokenizer.get_vocab(with_added_tokens=False).values()) - added
    assert short.without_embedding((rows - 1, rows, rows + 1)) == (rows, rows + 1)


def test_case_11_ids_without_a_token_are_never_drawn():
    """A vocabulary with holes, as those have that were cut down."""
    tokenizer = Tokenizer(models.WordLevel({"Ġaa": 3, "Ġbb": 40, "x": 7}, unk_token="x"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert Tokenization(tokenizer, None, 30).drawable_tokens == (3, 7)
    assert Tokenization(tokenizer, None).word_tokens() == ((3, " aa"), (40, " bb"))
