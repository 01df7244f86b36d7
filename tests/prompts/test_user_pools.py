"""What the hook `pytest_mi_pools` may return."""

from typing import Any

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.prompts.user_pools import user_pools


def test_pools_of_all_implementations() -> None:
    given = [{"cities": ["Paris", "Rome"]}, {}, {"rivers": ("Tiber",)}]
    assert user_pools(given, "conftest.py") == {"cities": ("Paris", "Rome"), "rivers": ("Tiber",)}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([["Paris"]], "must return a dict of pools, not a list"),
        ([{1: ["a"]}], "a pool's name must be text, not 1"),
        ([{"words": ["a"]}], "the pool 'words' comes with mi-checks; choose another name"),
        ([{"x": ["a"]}, {"x": ["b"]}], "the pool 'x' is given twice; choose another name"),
        ([{"x": "Paris"}], "the pool 'x' must be a list of texts, not the text 'Paris'"),
        ([{"x": {"Paris"}}], "the pool 'x' must be a list of texts, not a set"),
        ([{"x": None}], "the pool 'x' must be a list of texts, not nothing"),
        ([{"x": []}], "the pool 'x' is empty"),
        ([{"x": ["a", 2]}], "the pool 'x' must be a list of texts, and item 1 is 2"),
        ([{"x": ["a", b"b"]}], "the pool 'x' must be a list of texts, and item 1 is a bytes"),
        ([{"x": ["a", ""]}], "the pool 'x' must be a list of texts, and item 1 is an empty text"),
        (
            [{"x": ["\ue000"]}],
            "'\\ue000' in the pool 'x' holds a character that mi-checks marks labels with (U+E000 to U+E002)",
        ),
    ],
)
def test_what_is_no_pool(given: list[Any], expected: str) -> None:
    with pytest.raises(MiChecksError) as caught:
        user_pools(given, "conftest.py")
    assert str(caught.value) == f"pytest_mi_pools in conftest.py: {expected}"
