"""A row's texts, put together by a template, are its tokens again."""

import pytest

from mi_checks.studies.mining.eligible_tokens import EligibleTokens


def test_pieces_of_a_word_hold(written, token):
    assert written.round_trips((token(" t"), token("w"), token("ist")))


def test_pieces_that_the_tokenizer_joins_do_not_hold(written, token):
    assert not written.round_trips((token(" t"), token("h"), token("e")))  # " the" is one token


def test_across_a_gap_b_begins_a_word(tokenization, token):
    apart = EligibleTokens(tokenization, gap=True, letters=True)
    assert apart.round_trips((token(" import"), token(" as"), token(" np")))
    assert apart.masks.b[token(" as")]
    assert not apart.masks.b[token("ist")]
    assert apart.masks.c[token("ist")]


@pytest.mark.parametrize(
    ("text", "letters", "printable"),
    [(" the", True, True), ("(", False, True), ("\n", False, False), ("0", False, True)],
)
def test_letters_or_any_token(tokenization, token, text, letters, printable):
    assert bool(EligibleTokens(tokenization, gap=False, letters=True).masks.c[token(text)]) is letters
    assert bool(EligibleTokens(tokenization, gap=False, letters=False).masks.c[token(text)]) is printable


def test_special_tokens_are_in_no_row(tokenization):
    written = EligibleTokens(tokenization, gap=False, letters=False)
    for token in tokenization.tokenizer.get_added_tokens_decoder():
        assert not any(mask[token] for mask in (written.masks.a, written.masks.b, written.masks.c))
