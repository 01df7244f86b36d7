import builtins
import keyword
import sys

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.spec.variables import pool_names, pool_values


@pytest.mark.parametrize(
    ("name", "least"),
    [("adjectives", 150), ("first_names", 200), ("words", 900), ("identifiers", 1000), ("modules", 150)],
)
def test_a_pool_is_large_and_clean(name: str, least: int) -> None:
    values = pool_values(name)
    assert name in pool_names()
    assert len(values) >= least
    assert len(set(values)) == len(values)
    assert all(value == value.strip() and value.isidentifier() for value in values)


def test_names_words_identifiers_and_modules_are_what_they_say() -> None:
    assert "Claire" in pool_values("first_names")
    assert all(name.istitle() for name in pool_values("first_names"))
    assert all(word.islower() and word.isalpha() for pool in ("words", "adjectives") for word in pool_values(pool))
    taken = {*keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    assert all(name.islower() for name in pool_values("identifiers"))
    assert taken.isdisjoint(pool_values("identifiers"))
    assert set(pool_values("modules")) <= set(sys.stdlib_module_names)


def test_an_unknown_pool_is_told_with_the_known_ones() -> None:
    with pytest.raises(MiChecksError) as caught:
        pool_values("first_name")
    assert str(caught.value) == (
        "unknown pool 'first_name'; pools: adjectives, first_names, identifiers, modules, words; "
        "did you mean 'first_names'?"
    )
