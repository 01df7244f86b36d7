"""Rows are drawn in rounds, and a batch knows which prompts share one."""

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from mi_checks.prompts.batch import PromptBatch
from mi_checks.prompts.factors import Factor, factor

Build = Callable[..., PromptBatch]
TWELVE = tuple(
    f" {word}" for word in ["the", "and", "of", "to", "in", "is", "for", "name", "value", "data", "file", "list"]
)
THREE = (" a", " b", " c")


def two_lists(first: tuple[str, ...] = TWELVE, second: tuple[str, ...] = THREE, **keys: Any) -> dict[str, Any]:
    """A section whose prompts are pairs of rows of two lists."""
    return {
        "variables": {
            "x": {"values": first, **keys},
            "y": {"values": second},
            "C": {"tokens": "random", "differs_from": ["x", "y"]},
        },
        "template": "see{{ x | at('X') }}{{ y }}",
        "corrupt": {"x": "x", "y": "C"},
        "answer": "{{ y }}",
        "foils": ("{{ C }}",),
    }


def sizes(batch: PromptBatch, name: str) -> Counter[int]:
    """How often each row of a factor is taken."""
    (found,) = (each for each in batch.factors if each.name == name)
    return Counter(found.rows)


def taken(batch: PromptBatch, position: int) -> Counter[str]:
    """How often each token stands at a position."""
    return Counter(pair.clean.pieces[position] for pair in batch.pairs)


@pytest.mark.parametrize("count", [12, 13, 20, 41])
@pytest.mark.parametrize("seed", range(5))
def test_each_row_is_drawn_equally_often(build: Build, count: int, seed: int) -> None:
    """With a random token before them, no two pairs are the same."""
    section = two_lists()
    section["variables"] = {**section["variables"], "before": {"tokens": "random"}}
    batch = build(**section | {"template": "see{{ before }}{{ x }}{{ y }}"}, count=count, seed=seed)
    for name, rows in (("x", 12), ("y", 3)):
        counts = sizes(batch, name).values()
        assert len(counts) == rows
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("count", "most"), [(12, 1), (20, 1), (31, 2), (36, 0)])
@pytest.mark.parametrize("seed", range(5))
def test_rows_stay_close_where_few_combinations_are_left(build: Build, count: int, most: int, seed: int) -> None:
    batch = build(**two_lists(), count=count, seed=seed)
    for name in "xy":
        counts = sizes(batch, name).values()
        assert max(counts) - min(counts) <= most


def test_factors_name_the_row_that_each_prompt_took(build: Build) -> None:
    batch = build(**two_lists(), count=30, seed=3)
    for each, position in zip(batch.factors, (-2, -1), strict=True):
        words = [pair.clean.pieces[position] for pair in batch.pairs]
        assert each.rows == factor(each.name, words, sampled=True).rows
    assert [(each.name, each.size, each.sampled) for each in batch.factors] == [("x", 12, True), ("y", 3, False)]
    y = batch.factors[1]
    assert [y.labels[row] for row in y.rows] == [repr(pair.clean.pieces[-1]) for pair in batch.pairs]


def test_rows_that_differ_from_others_are_drawn_equally_often(build: Build) -> None:
    section = two_lists() | {"foils": ("{{ z }}",), "corrupt": {"y": "C", "x": "z"}}
    section["variables"] = {**section["variables"], "z": {"values": TWELVE, "differs_from": "x"}}
    batch = build(**section, count=30, seed=1)
    x, _, z = batch.factors
    for each in (x, z):
        counts = Counter(each.rows).values()
        assert max(counts) - min(counts) <= 1
    assert all(pair.clean.pieces[-2] != pair.corrupt.pieces[-2] for pair in batch.pairs)


def test_rows_that_never_align_hold_up_no_round(build: Build) -> None:
    """Of three lists of rows, those of two tokens under this tokenizer have a corrupt prompt of another length."""
    ragged = [{"clean": word, "corrupt": " is"} for word in TWELVE if word != " is"]
    ragged += [{"clean": " Claire", "corrupt": " is"}, {"clean": " Aaron", "corrupt": " is"}]
    batch = build(
        variables={"x": {"values": ragged}, "C": {"tokens": "random"}, "D": {"tokens": "random", "differs_from": "C"}},
        template="see{{ x.clean }}{{ C }}",
        corrupt={"x.clean": "x.corrupt"},
        answer="{{ C }}",
        foils=("{{ D }}",),
        count=55,
    )
    (x,) = batch.factors
    assert set(Counter(x.rows).values()) == {5}
    assert x.size == 11


def test_every_combination_of_small_lists_can_be_requested(build: Build) -> None:
    batch = build(**two_lists(), count=36)
    found = {(pair.clean.pieces[-2], pair.clean.pieces[-1]) for pair in batch.pairs}
    assert len(found) == len(list(product(TWELVE, THREE))) == 36
    assert set(taken(batch, -2).values()) == {3}
    assert set(taken(batch, -1).values()) == {12}


@pytest.mark.parametrize("count", [1, 7, 12, 25])
def test_a_smaller_batch_is_the_beginning_of_a_larger_one(build: Build, count: int) -> None:
    small, large = build(**two_lists(), count=count, seed=5), build(**two_lists(), count=36, seed=5)
    assert large.pairs[:count] == small.pairs
    beginning = [each.select(slice(count)) for each in large.factors]
    assert [each for each in beginning if each.size > 1] == list(small.factors)


def test_random_tokens_and_copies_are_no_factors(build: Build) -> None:
    assert build().factors == ()
    section = two_lists()
    section["variables"] = {**section["variables"], "again": {"same_as": "x"}}
    assert [each.name for each in build(**section, count=12).factors] == ["x", "y"]


def test_some_prompts_keep_their_rows() -> None:
    whole = factor("noun", [" cat", " dog", " cat", " cow"], sampled=True)
    assert whole == Factor("noun", (0, 1, 0, 2), True)
    assert whole.select(slice(1, None, 2)) == Factor("noun", (0, 1), True)
    assert whole.at([3, 3, 0]) == Factor("noun", (0, 0, 1), True)
    assert whole.at([0, 2]).size == 1
