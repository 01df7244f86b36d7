"""What the hook `pytest_mi_pools` may return."""

import itertools
from collections import deque
from typing import Any

import numpy as np
import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.project_additions import collect_pools

COLLECTION = "a list or another collection of texts"


def test_pools_of_all_implementations() -> None:
    given = [{"cities": ["Paris", "Rome"]}, {}, {"rivers": ("Tiber",)}]
    assert collect_pools(given, "conftest.py") == {"cities": ("Paris", "Rome"), "rivers": ("Tiber",)}


WORDS = ["c", "a", " b", "a", "É", "B"]


class Odd(str):
    """A text that shows itself otherwise."""

    __slots__ = ()

    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    "values",
    [
        WORDS, tuple(WORDS), set(WORDS), frozenset(WORDS), dict.fromkeys(WORDS).keys(),
        dict(enumerate(WORDS)).values(), (word for word in WORDS), iter(WORDS), deque(WORDS), np.array(WORDS),
        [Odd(word) for word in WORDS],
    ],
    ids=lambda values: type(values).__name__,
)  # fmt: skip
def test_case_18_a_pool_is_sorted_and_each_value_is_in_it_once(values: Any) -> None:
    (pool,) = collect_pools([{"x": values}], "conftest.py").values()
    assert pool == (" b", "B", "a", "c", "É")
    assert {type(value) for value in pool} == {str}


def test_case_18_a_pool_without_end() -> None:
    with pytest.raises(MiChecksError, match="the pool 'x' has more than 1,000,000 values"):
        collect_pools([{"x": map(str, itertools.count())}], "conftest.py")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([["Paris"]], "must return a dict of pools, not a list"),
        ([{1: ["a"]}], "a pool's name must be text, not 1"),
        ([{"words": ["a"]}], "the pool 'words' is already part of mi-checks; choose another name"),
        ([{"x": ["a"]}, {"x": ["b"]}], "the pool 'x' is defined twice; choose another name"),
        ([{"x": "Paris"}], f"the pool 'x' must be {COLLECTION}, not the text 'Paris'"),
        ([{"x": b"Paris"}], f"the pool 'x' must be {COLLECTION}, not a bytes"),
        ([{"x": {"Paris": 1}}], f"the pool 'x' must be {COLLECTION}, not a dict"),
        ([{"x": 3}], f"the pool 'x' must be {COLLECTION}, not 3"),
        ([{"x": None}], f"the pool 'x' must be {COLLECTION}, not nothing"),
        ([{"x": set()}], "the pool 'x' is empty; give it at least one value"),
        ([{"x": {2}}], "the pool 'x' must contain only texts, but item 0 is 2"),
        ([{"x": ["a\0"]}], "'a\\x00' in the pool 'x' contains U+0000, which is not allowed in text; remove it"),
        ([{"x": ["\ud800"]}], "'\\ud800' in the pool 'x' contains U+D800, which is not allowed in text; remove it"),
        ([{"x": []}], "the pool 'x' is empty; give it at least one value"),
        ([{"x": ["a", 2]}], "the pool 'x' must contain only texts, but item 1 is 2"),
        ([{"x": ["a", b"b"]}], "the pool 'x' must contain only texts, but item 1 is a bytes"),
        ([{"x": ["a", ""]}], "the pool 'x' must contain only texts, but item 1 is an empty text"),
        (
            [{"x": ["\ue000"]}],
            "'\\ue000' in the pool 'x' contains a character that is reserved for labels (U+E000 to U+E002); remove it",
        ),
    ],
)
def test_what_is_no_pool(given: list[Any], expected: str) -> None:
    with pytest.raises(MiChecksError) as caught:
        collect_pools(given, "conftest.py")
    assert str(caught.value) == f"pytest_mi_pools in conftest.py: {expected}"
