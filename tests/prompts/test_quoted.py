"""Prompt pairs from quotes."""

from typing import Any

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.quotes import QuotedPrompts

QUOTES = (
    "the [[name|value]] of the [[noun: file]]",
    {"text": "the [[file|test]] in a [[noun: list]]", "answer": " not", "foils": (" in",)},
    "a [[line|list]] for the [[noun: name]]",
)


def built(tokenization: Tokenization, *, quotes: tuple[Any, ...] = QUOTES, **more: Any) -> PromptBatch:
    own = {key: more.pop(key) for key in ("count", "seed") if key in more}
    data = {"quotes": quotes, "answer": " is", "foils": (" and",), **more}
    return build_prompts(QuotedPrompts.model_validate(data), tokenization, behaviour="demo", **own)


def test_each_quote_is_one_pair(tokenization: Tokenization) -> None:
    batch = built(tokenization)
    texts = {(pair.clean.text, pair.corrupt.text, pair.answers, pair.foils) for pair in batch.pairs}
    assert texts == {
        ("the name of the file", "the value of the file", (" is",), (" and",)),
        ("the file in a list", "the test in a list", (" not",), (" in",)),
        ("a line for the name", "a list for the name", (" is",), (" and",)),
    }
    for pair in batch.pairs:
        assert [pair.clean.pieces[place] for place in pair.clean.labels["noun"]] == [" " + pair.clean.text.split()[-1]]
        assert pair.clean.labels["span"] == pair.corrupt.labels["span"]


def test_the_order_is_the_seeds_and_fewer_are_the_first_of_more(tokenization: Tokenization) -> None:
    orders = {tuple(pair.clean.text for pair in built(tokenization, seed=seed).pairs) for seed in range(20)}
    assert len(orders) > 1
    assert built(tokenization, count=2).pairs == built(tokenization).pairs[:2]


def test_a_quote_that_does_not_align_is_left_out_where_there_are_others(tokenization: Tokenization) -> None:
    quotes = (*QUOTES, "the [[name|Claire]] of the [[noun: file]]s")
    assert len(built(tokenization, quotes=quotes, count=3)) == 3
    with pytest.raises(MiChecksError) as caught:
        built(tokenization, quotes=quotes)
    assert str(caught.value) == (
        "behaviour 'demo': 4 prompt pairs were requested, but only 3 of 4 quotes give one\n"
        "  'the name of the files': the clean and the corrupt prompt differ in length: 6 and 9 tokens\n"
        "    clean:   <|endoftext|> the ·name ·of ·the ·files\n"
        "    corrupt: <|endoftext|> the ·C l a ire ·of ·the ·files\n"
        "  remedy: change these quotes, request fewer pairs (`count`, or --mi-count), or add quotes"
    )


def test_more_pairs_than_quotes(tokenization: Tokenization) -> None:
    with pytest.raises(MiChecksError) as caught:
        built(tokenization, count=64)
    assert str(caught.value) == (
        "behaviour 'demo': 64 prompt pairs were requested, but only 3 of 3 quotes give one\n"
        "  remedy: request fewer pairs (`count`, or --mi-count), or add quotes"
    )


def test_quotes_that_were_not_loaded(tokenization: Tokenization) -> None:
    with pytest.raises(MiChecksError, match="has no answer or no foils"):
        built(tokenization, answer=None)
    with pytest.raises(MiChecksError, match="has one alternative and no label"):
        built(tokenization, quotes=("[[a]]", "[[b]]"))
