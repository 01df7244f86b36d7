from collections.abc import Mapping

import pytest
from tokenizers import Tokenizer, normalizers

from mi_checks.errors import MiChecksError
from mi_checks.prompts.align import align_pair, tokenize_prompt
from mi_checks.prompts.batch import PromptPair
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.render import LabelledText, RenderedPair
from mi_checks.prompts.token_text import CharacterSpan
from mi_checks.prompts.tokenization import Tokenization


def labelled(tokenization: Tokenization, text: str, spans: Mapping[str, CharacterSpan]) -> dict[str, list[str]]:
    prompt = tokenize_prompt(LabelledText(text, spans), tokenization)
    return {label: [prompt.pieces[place] for place in places] for label, places in prompt.labels.items()}


def test_tokens_pieces_and_labels(tokenization: Tokenization) -> None:
    prompt = tokenize_prompt(LabelledText("the name value", {"X": (3, 8)}), tokenization)
    assert prompt.pieces == ("<|endoftext|>", "the", " name", " value")
    assert prompt.tokens == (0, *tokenization.encode("the name value")[0])
    assert prompt.labels == {"X": (2,), "END": (3,)}


def test_without_a_beginning_of_sequence_token_nothing_shifts(tokenization: Tokenization) -> None:
    bare = Tokenization(tokenization.tokenizer, None)
    prompt = tokenize_prompt(LabelledText("the name", {"X": (3, 8)}), bare)
    assert (prompt.pieces, prompt.labels) == (("the", " name"), {"X": (1,), "END": (1,)})
    pair = align_pair(RenderedPair(LabelledText("the name", {}), LabelledText("the value", {}), (" x",), (" y",)), bare)
    assert isinstance(pair, PromptPair)
    assert tokenization.piece(pair.answer_tokens[0][0]) == " x"


@pytest.mark.parametrize(
    ("text", "span", "tokens"),
    [
        ("the name", (4, 8), [" name"]),  # the token brings its space
        ("the name", (5, 6), [" name"]),  # a part of a token is that token
        ("the name value", (2, 9), ["the", " name", " value"]),
        ("the name value", (3, 8), [" name"]),  # touching is not sharing
        ("a日b", (1, 2), ["<0xE6>", "<0x97>", "<0xA5>"]),
    ],
)
def test_a_label_has_every_token_that_shares_a_character(
    text: str, span: CharacterSpan, tokens: list[str], tokenization: Tokenization
) -> None:
    assert labelled(tokenization, text, {"X": span})["X"] == tokens


def test_an_aligned_pair(tokenization: Tokenization) -> None:
    rendered = RenderedPair(
        LabelledText("the name", {"X": (3, 8)}), LabelledText("the value", {"X": (3, 9)}), (" a b",), (" b", " c")
    )
    pair = align_pair(rendered, tokenization)
    assert isinstance(pair, PromptPair)
    assert (pair.clean.labels, pair.corrupt.labels) == ({"X": (2,), "END": (2,)},) * 2
    assert (pair.answers, pair.foils) == ((" a b",), (" b", " c"))
    tokens = [tokenization.piece(token) for (token,) in (*pair.answer_tokens, *pair.foil_tokens)]
    assert tokens == [" a", " b", " c"]


@pytest.mark.parametrize(
    ("clean", "corrupt", "answer", "kind", "detail"),
    [
        ("the name", "the name", " a", "identical", "the clean and the corrupt prompt are the same"),
        ("the name", "Claire", " a", "length", "the clean and the corrupt prompt differ in length: 3 and 5 tokens"),
        (
            "the name",
            "the value",
            "s",
            "continuation",
            "if answer 's' follows, the prompt's token '·name' becomes '·names'",
        ),
        (
            "the name ",
            "the value ",
            "a",
            "continuation",
            "if answer 'a' follows, the prompt's token '·' becomes '·a'",
        ),
        (
            "the name",
            "the value",
            " b c",
            "same_tokens",
            "answer ' b c' and foil ' b' share their first token '·b'",
        ),
    ],
)
def test_why_a_pair_does_not_align(
    clean: str, corrupt: str, answer: str, kind: str, detail: str, tokenization: Tokenization
) -> None:
    outcome = align_pair(
        RenderedPair(LabelledText(clean, {}), LabelledText(corrupt, {}), (answer,), (" b",)), tokenization
    )
    assert isinstance(outcome, Rejection)
    assert outcome.prompts is not None
    assert (outcome.kind, outcome.detail) == (kind, detail)
    assert outcome.prompts[0].text == clean


@pytest.mark.parametrize(
    ("spans", "detail"),
    [
        ({"X": (3, 9)}, "label 'X' is at token 1 of the clean prompt and tokens 1, 2 of the corrupt prompt"),
        ({}, "label 'X' is at token 1 of the clean prompt and no token of the corrupt prompt"),
    ],
)
def test_labels_must_sit_at_the_same_positions(
    spans: Mapping[str, CharacterSpan], detail: str, tokenization: Tokenization
) -> None:
    spans = {label: (0, end) for label, (_, end) in spans.items()}
    rendered = RenderedPair(LabelledText("the name", {"X": (0, 3)}), LabelledText("the value", spans), (" a",), (" b",))
    outcome = align_pair(rendered, tokenization)
    assert isinstance(outcome, Rejection)
    assert (outcome.kind, outcome.detail) == ("labels", detail)


def test_an_answer_must_begin_with_the_same_token_after_both_prompts(tokenization: Tokenization) -> None:
    outcome = align_pair(RenderedPair(LabelledText("xa", {}), LabelledText("x'", {}), ("'s",), ("b",)), tokenization)
    assert isinstance(outcome, Rejection)
    assert outcome.kind == "continuation"
    assert (
        outcome.detail
        == "answer \"'s\" begins with token ''s' after the clean prompt, but token ''' after the corrupt prompt"
    )


def test_a_foil_that_changes_the_prompts_own_tokens(tokenization: Tokenization) -> None:
    outcome = align_pair(RenderedPair(LabelledText("a\n", {}), LabelledText("a\t", {}), ("b",), ("\n",)), tokenization)
    assert isinstance(outcome, Rejection)
    assert outcome.detail == "if foil '\\n' follows, the prompt's token '⏎' becomes '⏎⏎'"


def test_a_label_whose_text_the_tokenizer_drops(tokenization: Tokenization) -> None:
    tokenizer = Tokenizer.from_str(tokenization.tokenizer.to_str())
    tokenizer.normalizer = normalizers.Strip()
    with pytest.raises(MiChecksError, match=r"^label 'X' has no token: the tokenizer drops its text from 'name  '$"):
        tokenize_prompt(LabelledText("name  ", {"X": (5, 6)}), Tokenization(tokenizer, 0))
