"""What of answers and foils is scored, and prompts that correspond at their labels alone."""

import pytest

from mi_checks.prompts.align import align_pair
from mi_checks.prompts.batch import PromptPair
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import LabelledText, RenderedPair
from mi_checks.prompts.tokenization import Tokenization


def made(tokenization: Tokenization, answers: tuple[str, ...], foils: tuple[str, ...], score: str) -> PromptPair:
    rendered = RenderedPair(
        LabelledText("the name", {"X": (3, 8)}), LabelledText("the value", {"X": (3, 9)}), answers, foils
    )
    pair = align_pair(rendered, tokenization, score=score)
    assert isinstance(pair, PromptPair), pair
    return pair


def pieces(tokenization: Tokenization, tokens: tuple[tuple[int, ...], ...]) -> list[list[str]]:
    return [[tokenization.piece(token) for token in own] for own in tokens]


def test_the_first_token_of_each_is_scored(tokenization: Tokenization) -> None:
    pair = made(tokenization, (" a b", " the"), (" b",), "first_token")
    assert pieces(tokenization, pair.answer_tokens) == [[" a"], [" the"]]
    assert pieces(tokenization, pair.foil_tokens) == [[" b"]]


def test_all_tokens_are_scored_by_log_probability(tokenization: Tokenization) -> None:
    pair = made(tokenization, (" a b",), (" a the name", " b"), "log_probability")
    assert pieces(tokenization, pair.answer_tokens) == [[" a", " b"]]
    assert pieces(tokenization, pair.foil_tokens) == [[" a", " the", " name"], [" b"]]
    assert pair.clean.text == "the name"


def test_what_all_begin_with_is_written_to_both_prompts(tokenization: Tokenization) -> None:
    pair = made(tokenization, (" a b name",), (" a b value", " a b the"), "first_difference")
    assert pieces(tokenization, pair.answer_tokens) == [[" name"]]
    assert pieces(tokenization, pair.foil_tokens) == [[" value"], [" the"]]
    for prompt, first in ((pair.clean, " name"), (pair.corrupt, " value")):
        assert prompt.pieces[1:] == ("the", first, " a", " b")
        assert prompt.text == f"the{first} a b"
        assert prompt.labels == {"X": (2,), "END": (4,)}


def test_nothing_is_written_where_nothing_is_shared(tokenization: Tokenization) -> None:
    pair = made(tokenization, (" a b",), (" b",), "first_difference")
    assert pair == made(tokenization, (" a b",), (" b",), "first_token")


@pytest.mark.parametrize(
    ("answer", "foil", "score", "detail"),
    [
        (" a", " a b", "first_token", "answer ' a' and foil ' a b' share their first token '·a'"),
        (" a b", " a b", "log_probability", "answer ' a b' and foil ' a b' share all their tokens '·a' '·b'"),
        (
            " a",
            " a b",
            "first_difference",
            (
                "answer ' a' has no token left after the tokens that all answers and foils share, but "
                "foil ' a b' continues"
            ),
        ),
        (
            " a b",
            " a",
            "first_difference",
            (
                "foil ' a' has no token left after the tokens that all answers and foils share, but "
                "answer ' a b' continues"
            ),
        ),
    ],
)
def test_what_is_scored_must_differ(
    answer: str, foil: str, score: str, detail: str, tokenization: Tokenization
) -> None:
    outcome = align_pair(
        RenderedPair(LabelledText("the name", {}), LabelledText("the value", {}), (answer,), (foil,)),
        tokenization,
        score=score,
    )
    assert isinstance(outcome, Rejection)
    assert (outcome.kind, outcome.detail) == ("same_tokens", detail)


def test_an_answer_among_several_that_is_a_foil(tokenization: Tokenization) -> None:
    rendered = RenderedPair(LabelledText("the name", {}), LabelledText("the value", {}), (" a", " b"), (" the", " b"))
    outcome = align_pair(rendered, tokenization)
    assert isinstance(outcome, Rejection)
    assert outcome.detail == "answer ' b' and foil ' b' share their first token '·b'"


def test_by_labels_the_prompts_need_not_be_equally_long(tokenization: Tokenization) -> None:
    rendered = RenderedPair(
        LabelledText("the name", {"X": (3, 8)}), LabelledText("a list of name", {"X": (9, 14)}), (" a",), (" b",)
    )
    assert isinstance(align_pair(rendered, tokenization), Rejection)
    pair = align_pair(rendered, tokenization, by_labels=True)
    assert isinstance(pair, PromptPair)
    assert (pair.clean.labels, pair.corrupt.labels) == ({"X": (2,), "END": (2,)}, {"X": (4,), "END": (4,)})


def test_by_labels_each_label_has_as_many_tokens_in_both(tokenization: Tokenization) -> None:
    rendered = RenderedPair(
        LabelledText("the name", {"X": (3, 8)}), LabelledText("the list name", {"X": (3, 13)}), (" a",), (" b",)
    )
    outcome = align_pair(rendered, tokenization, by_labels=True)
    assert isinstance(outcome, Rejection)
    assert outcome.detail == "label 'X' is at token 2 of the clean prompt and tokens 2, 3 of the corrupt prompt"
