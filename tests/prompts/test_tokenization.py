import string

import pytest
from tokenizers import Tokenizer, models, processors

from mi_checks.errors import MiChecksError
from mi_checks.prompts.tokenization import Tokenization


def spanned(tokenization: Tokenization, text: str) -> list[str]:
    return [text[start:end] for start, end in tokenization.encode(text)[1]]


def altered(tokenization: Tokenization) -> Tokenizer:
    return Tokenizer.from_str(tokenization.tokenizer.to_str())


def test_spans_are_of_characters(tokenization: Tokenization) -> None:
    assert spanned(tokenization, "é name\n\n  x") == ["é", "é", " name", "\n\n", " ", " x"]


def test_parts_of_one_character_share_its_span(tokenization: Tokenization) -> None:
    assert tokenization.encode("a日b")[1] == ((0, 1), (1, 2), (1, 2), (1, 2), (2, 3))


def test_no_beginning_of_sequence_token_is_added(tokenization: Tokenization) -> None:
    ids, _ = tokenization.encode(" name")
    assert [tokenization.piece(token) for token in ids] == [" name"]


def test_a_tokenizer_that_trims_offsets_gives_the_space_to_its_word(tokenization: Tokenization) -> None:
    tokenizer = altered(tokenization)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    assert tokenizer.encode(" name value").offsets == [(0, 5), (6, 11)]  # else this test tests nothing
    assert spanned(Tokenization(tokenizer, 0), " name value") == [" name", " value"]


def test_truncation_and_padding_are_not_applied_and_the_callers_tokenizer_keeps_them(
    tokenization: Tokenization,
) -> None:
    tokenizer = altered(tokenization)
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=64)
    assert len(Tokenization(tokenizer, 0).encode(" name value name")[0]) == 3
    assert len(tokenizer.encode(" name value name").ids) == 64


def test_a_lone_surrogate_is_refused(tokenization: Tokenization) -> None:
    with pytest.raises(MiChecksError, match=r"the tokenizer cannot read 'a\\ud800'"):
        tokenization.encode("a\ud800")


def test_pieces_are_readable(tokenization: Tokenization) -> None:
    assert tokenization.piece(0) == "<|endoftext|>"
    assert tokenization.pieces("a日\n") == ("a", "<0xE6>", "<0x97>", "<0xA5>", "\n")
    assert tokenization.piece(1_000_000) == "<token 1000000>"


def test_pieces_of_a_tokenizer_that_is_not_byte_level() -> None:
    vocabulary = {"▁name": 0, "<0x0A>": 1, "<0xE6>": 2, "Ã": 3}
    tokenization = Tokenization(Tokenizer(models.BPE(vocabulary, [])), None)
    assert [tokenization.piece(token) for token in range(4)] == [" name", "\n", "<0xE6>", "Ã"]


def test_word_tokens_are_words_that_round_trip(tokenization: Tokenization) -> None:
    words = tokenization.word_tokens()
    assert len(words) > 400
    assert " name" in {text for _, text in words}
    for token, text in words:
        assert text[0] == " "
        assert len(text) > 2
        assert set(text[1:]) <= set(string.ascii_letters)
        assert tokenization.encode(text)[0] == (token,)
    assert tokenization.word_tokens() is words
