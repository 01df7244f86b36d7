"""Factors: the finite sources from which prompts take their values, and which row each prompt took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Factor:
    """A finite source of values, of which every prompt takes one row: a list of nouns, a file of trigrams, a pool.

    Of a sampled factor, the claim is about more rows of its kind; of a fixed one, about exactly these rows.
    """

    name: Annotated[str, "the variable's name"]
    rows: Annotated[tuple[int, ...], "the row of each prompt, numbered in the order of first use"]
    sampled: Annotated[bool, "whether the rows stand for more of their kind"]

    @property
    def size(self) -> int:
        """Return how many different rows the prompts take."""
        return len(set(self.rows))

    def select(self, prompts: slice) -> Factor:
        """Return the factor of some of the prompts."""
        return factor(self.name, self.rows[prompts], sampled=self.sampled)

    def at(self, places: Iterable[int]) -> Factor:
        """Return the factor of the prompts at these places."""
        return factor(self.name, (self.rows[place] for place in places), sampled=self.sampled)


def factor(name: str, rows: Iterable[object], *, sampled: bool) -> Factor:
    """Return a factor with its rows numbered in the order of first use.

    Args:
        name: the variable's name.
        rows: something hashable for the row of each prompt.
        sampled: whether the rows stand for more of their kind.
    """
    taken = list(rows)
    numbers = {row: number for number, row in enumerate(dict.fromkeys(taken))}
    return Factor(name, tuple(numbers[row] for row in taken), sampled)
