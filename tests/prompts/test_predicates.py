from typing import get_args

import pytest

from mi_checks.prompts.candidates import describe_tokens, passes
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.variables import Predicate


@pytest.mark.parametrize(
    ("predicate", "yes", "no"),
    [
        ("single_token", ["name", " name"], ["Claire", " Claire", "nametag", ""]),
        ("single_token_after_space", ["name", " name", "number"], ["Claire", "  name"]),
        ("splits_in_two", ["number", " number"], ["name", "Claire"]),
        ("leading_space", [" name", "  "], ["name", ""]),
        ("alphabetic", ["name", " name", "été"], ["  name", "a1", "", " ", "a b"]),
    ],
)
def test_predicate(predicate: Predicate, yes: list[str], no: list[str], tokenization: Tokenization) -> None:
    assert [value for value in yes + no if passes(predicate, value, tokenization)] == yes


def test_every_predicate_of_the_grammar_is_there(tokenization: Tokenization) -> None:
    for predicate in get_args(Predicate):
        passes(predicate, "name", tokenization)


def test_tokens_are_shown_in_the_forms_a_predicate_looks_at(tokenization: Tokenization) -> None:
    assert describe_tokens("single_token", " name", tokenization) == "' name' is 1 token: ·name"
    assert describe_tokens("single_token_after_space", "Claire", tokenization) == "' Claire' is 4 tokens: ·C l a ire"
    assert describe_tokens("splits_in_two", "name", tokenization) == (
        "' name' is 1 token: ·name and 'name' is 1 token: name"
    )
