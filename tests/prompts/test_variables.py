from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from mi_checks.errors import MiChecksError
from mi_checks.prompts.draw_variables import VariableSampler, satisfies_differs_from
from mi_checks.prompts.rejection import Rejection
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.variables import AnyVariable

ROWS = ({"a": "(", "b": ")"}, {"a": "[", "b": "]"})


@pytest.fixture(scope="session")
def prepare(tokenization: Tokenization) -> Callable[..., VariableSampler]:
    kinds: TypeAdapter[Any] = TypeAdapter(dict[str, AnyVariable])

    def prepared(**declared: Any) -> VariableSampler:
        return VariableSampler(kinds.validate_python(declared), tokenization, "demo")

    return prepared


@pytest.fixture(scope="session")
def draws(prepare: Callable[..., VariableSampler]) -> Callable[..., list[Any]]:
    def drawn(**declared: Any) -> list[Any]:
        variables = prepare(**declared)
        found: list[Any] = []
        for n in range(60):
            draw = variables.draw(np.random.default_rng((0, n)))
            if isinstance(draw, Rejection):
                found.append(draw)
            else:
                variables.accept(draw)
                found.append(draw.values)
        return found

    return drawn


@pytest.fixture(scope="session")
def refused(prepare: Callable[..., VariableSampler]) -> Callable[..., str]:
    def text(**declared: Any) -> str:
        with pytest.raises(MiChecksError) as caught:
            prepare(**declared)
        return str(caught.value)

    return text


def test_random_tokens_are_length_words(draws: Callable[..., list[Any]], tokenization: Tokenization) -> None:
    words = dict(tokenization.word_tokens())
    for values in draws(x={"tokens": "random", "length": 5}):
        ids, _ = tokenization.encode(values["x"])
        assert len(ids) == 5
        assert all(token in words for token in ids)


def test_distinct_tokens_are_distinct_and_others_repeat(
    draws: Callable[..., list[Any]], tokenization: Tokenization
) -> None:
    def repeats(**declared: Any) -> bool:
        tokens = [tokenization.encode(values["x"])[0] for values in draws(x={"tokens": "random"} | declared)]
        return any(len(set(ids)) < len(ids) for ids in tokens)

    assert not repeats(length=100, distinct=True)
    assert repeats(length=100)


def test_random_tokens_share_no_token_with_those_they_differ_from(
    draws: Callable[..., list[Any]], tokenization: Tokenization
) -> None:
    for values in draws(
        x={"tokens": "random", "length": 300}, y={"tokens": "random", "length": 50, "differs_from": "x"}
    ):
        x, y = (set(tokenization.encode(values[name])[0]) for name in "xy")
        assert x.isdisjoint(y)


def test_random_tokens_differ_from_a_text_written_without_its_space(draws: Callable[..., list[Any]]) -> None:
    everything = {"tokens": "random", "length": 512, "distinct": True, "differs_from": "x"}
    for values in draws(x={"values": ["name", "value"]}, y=everything):
        assert values["x"] not in values["y"].split()


def test_predicates_look_at_each_random_token(draws: Callable[..., list[Any]], tokenization: Tokenization) -> None:
    for values in draws(x={"tokens": "random", "length": 3, "where": ["splits_in_two"]}):
        for word in values["x"].split():
            assert len(tokenization.encode(word)[0]) == 2


def test_pools_and_values_are_drawn_from_and_differ(draws: Callable[..., list[Any]]) -> None:
    drawn = draws(x={"values": ["a", "b"]}, y={"values": ["a", " b", "c"], "differs_from": ["x"]}, z={"pool": "words"})
    assert {(values["x"], values["y"]) for values in drawn} == {("a", " b"), ("a", "c"), ("b", "a"), ("b", "c")}
    assert len({values["z"] for values in drawn}) > 40


def test_a_row_differs_from_every_other_row_and_a_text_from_every_field() -> None:
    row = {"a": "x", "b": "y"}
    assert satisfies_differs_from(row, {"a": "x", "b": "z"})
    assert not satisfies_differs_from(row, dict(row))
    assert not satisfies_differs_from(" x", row)
    assert not satisfies_differs_from(row, "y")
    assert satisfies_differs_from("z", row)


def test_rows_are_drawn_and_another_row_differs(draws: Callable[..., list[Any]]) -> None:
    drawn = draws(x={"values": ROWS}, y={"values": ROWS, "differs_from": "x"})
    assert all({values["x"]["a"], values["y"]["a"]} == {"(", "["} for values in drawn)


def test_a_row_passes_only_if_all_its_fields_do(draws: Callable[..., list[Any]]) -> None:
    rows = [{"a": "name", "b": "value"}, {"a": "name", "b": "Claire"}]
    assert {values["x"]["b"] for values in draws(x={"values": rows, "where": ["single_token"]})} == {"value"}


def test_nothing_left_to_draw_is_a_rejection(draws: Callable[..., list[Any]]) -> None:
    (reason,) = set(draws(x={"values": ["a"]}, y={"values": ["a", " a"], "differs_from": "x"}))
    assert reason == Rejection("exhausted", "no value of variable 'y' differs from x='a'")


def test_no_value_passes_the_predicates(refused: Callable[..., str]) -> None:
    declared = {"pool": "first_names", "where": ["alphabetic", "single_token_after_space"]}
    assert refused(name=declared) == (
        "behaviour 'demo': no value is left for variable 'name'\n"
        "  candidates: 340 from pool 'first_names'; `alphabetic` removed 0, then "
        "`single_token_after_space` removed 340\n"
        "  for example, ' Aaron' is 3 tokens: ·A ar on\n"
        "  remedy: remove `single_token_after_space` from the variable's `where`, or give it "
        "other values; tokenizers differ in what is a single token"
    )


def test_the_example_of_a_row_is_the_field_that_fails(refused: Callable[..., str]) -> None:
    text = refused(case={"values": [{"a": "name", "b": "Claire"}], "where": ["single_token"]})
    assert (
        "candidates: 1 from its `values`; `single_token` removed 1\n  for example, 'Claire' is 4 tokens: C l a ire"
        in text
    )


def test_more_distinct_tokens_than_there_are(refused: Callable[..., str], tokenization: Tokenization) -> None:
    assert refused(x={"tokens": "random", "length": 512, "distinct": True, "where": ["splits_in_two"]}) == (
        "behaviour 'demo': variable 'x' needs 512 distinct tokens, but only 248 are "
        "available; lower its `length`, or remove predicates from its `where`"
    )


def test_an_unknown_pool_is_told_with_behaviour_and_variable(refused: Callable[..., str]) -> None:
    assert refused(x={"pool": "wrods"}).startswith(
        "behaviour 'demo': variable 'x': unknown pool 'wrods'; "
        "pools: adjectives, first_names, identifiers, modules, words; did you mean 'words'?"
    )


def test_a_value_that_holds_a_mark_is_refused(refused: Callable[..., str]) -> None:
    assert refused(x={"values": [{"a": "b\ue000"}]}) == (
        "behaviour 'demo': the value 'b\\ue000' of variable 'x' contains a character that is "
        "reserved for labels (U+E000 to U+E002); remove it"
    )


def test_differs_from_a_variable_declared_later(refused: Callable[..., str]) -> None:
    declared = {"first": {"values": ["a"]}, "y": {"values": ["b"], "differs_from": "frist"}}
    assert refused(**declared) == (
        "behaviour 'demo': variable 'y' differs_from 'frist', which is not declared before it; did you mean 'first'?"
    )


def test_same_as_takes_the_value_of_the_other(draws: Callable[..., list[Any]]) -> None:
    drawn = draws(x={"pool": "words"}, y={"same_as": "x"})
    assert all(values["x"] == values["y"] for values in drawn)
    assert len({values["y"] for values in drawn}) > 10


def test_rows_of_fixed_factors_have_their_text_and_those_of_sampled_ones_do_not(
    prepare: Callable[..., VariableSampler],
) -> None:
    sampler = prepare(
        bracket={"values": list(ROWS)},
        word={"values": ["x" * 60, "short"]},
        noun={"values": [" cat", " dog"], "rows": "sampled"},
    )
    for n in range(8):
        draw = sampler.draw(np.random.default_rng((0, n)))
        assert not isinstance(draw, Rejection)
        sampler.accept(draw)
    found = {each.name: each for each in sampler.factors}
    assert sorted(found["bracket"].labels) == ["a='(', b=')'", "a='[', b=']'"]
    assert sorted(found["word"].labels) == ["'short'", "'" + "x" * 38 + "…"]
    assert found["noun"].labels == ()
    assert [found["noun"].label(row) for row in (0, 1)] == ["row 1", "row 2"]
